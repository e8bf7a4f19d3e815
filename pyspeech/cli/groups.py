"""Groups of commands that say what they have, where they are given another."""

import click

from pyspeech.errors import nearest


class NamingGroup(click.Group):
    """Names the nearest of its commands for one that it has not."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = self.list_commands(ctx)
        if args and args[0] not in names:
            raise click.UsageError(f"no command '{args[0]}'{nearest(args[0], names)}", ctx)
        return super().resolve_command(ctx, args)
