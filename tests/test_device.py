import pytest
import torch

from pyspeech import processor
from pyspeech.device import choose_device, device_name
from pyspeech.errors import UserError

H200 = {"get_device_capability": (9, 0), "get_device_name": "NVIDIA H200"}
TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver by downloading "
    "and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx Alternatively, go to: "
    "https://pytorch.org to install a PyTorch version that has been compiled with your version of the CUDA driver."
)
NO_KERNEL = (
    "CUDA error: no kernel image is available for execution on the device\n"
    "CUDA kernel errors might be asynchronously reported at some other API call\n"
)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine whose torch reports what a test says; the GPU, if any, is the file of its driver."""

    def described(version, cuda, error=None, gpu=True, available=False, **reports):
        monkeypatch.setattr(processor, "DEVICES", tmp_path)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if gpu:
            (tmp_path / "nvidia0").touch()
        monkeypatch.setattr(torch, "__version__", version)
        monkeypatch.setattr(torch.version, "cuda", cuda)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
        for name, value in reports.items():
            monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)
        on_cpu = torch.zeros

        def zeros(*size, device):
            if torch.device(device).type == "cuda" and error is not None:
                raise error
            return on_cpu(*size)

        monkeypatch.setattr(torch, "zeros", zeros)

    return described


def refused(name=None):
    """What is said where no device is named, or this one, and what then to do."""
    with pytest.raises(UserError) as error:
        choose_device(name)
    assert choose_device("cpu") == torch.device("cpu")
    said = str(error.value)
    recipe = " (a recipe: CUDA_VISIBLE_DEVICES= before it)"
    assert said.endswith(recipe) == (name is None)
    return said.removesuffix(recipe)


def test_a_working_device_is_chosen(machine):
    machine("2.11.0+cu130", "13.0", available=True)
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device() == torch.device("cuda")
    assert choose_device(None, 3) == choose_device("cuda", 3) == torch.device("cuda:3")
    assert choose_device("cuda:1", 3) == torch.device("cuda:1")


def test_without_a_gpu_the_cpu_is_chosen(machine):
    machine("2.11.0+cu130", "13.0", RuntimeError("Found no NVIDIA driver on your system."), gpu=False)
    assert choose_device() == choose_device(None, 3) == torch.device("cpu")
    assert "does not work: torch 2.11.0+cu130: Found no NVIDIA driver on your system." in refused("cuda")


@pytest.mark.parametrize("hidden", ["", "-1", "NoDevFiles", "-1,0"])
def test_gpus_that_the_user_hides_are_no_fault(machine, hidden, monkeypatch):
    machine("2.11.0+cu130", "13.0", RuntimeError("No CUDA GPUs are available"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert choose_device() == torch.device("cpu")


@pytest.mark.parametrize("named", ["7", "GPU-8a5b", "MIG-1f3c"])
def test_gpus_that_are_named_and_not_there_are_one(machine, named, monkeypatch):
    machine("2.11.0+cu130", "13.0", RuntimeError("No CUDA GPUs are available"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert f"No CUDA GPUs are available (CUDA_VISIBLE_DEVICES={named}); see nvidia-smi" in refused()


def test_a_generation_that_torch_has_no_code_for_is_named(machine):
    built = ["sm_37", "sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86"]
    machine("1.13.1+cu117", "11.7", RuntimeError(NO_KERNEL), available=True, get_arch_list=built, **H200)
    assert refused() == (
        "the device 'cuda' does not work: torch 1.13.1+cu117 has code for sm_37 sm_50 sm_60 sm_70 sm_75 sm_80 sm_86, "
        "and NVIDIA H200 is sm_90; run tools/install.sh --lane modern, or choose --device cpu"
    )


def test_a_generation_that_is_too_old_for_torch_is_named_too(machine):
    v100 = {"get_device_capability": (7, 0), "get_device_name": "Tesla V100"}
    machine("2.11.0+cu130", "13.0", RuntimeError(NO_KERNEL), available=True, get_arch_list=["sm_75", "sm_80"], **v100)
    assert refused("cuda:0").endswith("Tesla V100 is sm_70; run tools/install.sh --torch auto, or choose --device cpu")


@pytest.mark.parametrize("built", ["sm_86", "sm_89", "compute_75"])
def test_a_kernel_that_fails_where_there_is_code_for_the_gpu_is_what_torch_says(machine, built):
    ada = {"get_device_capability": (8, 9), "get_device_name": "NVIDIA L4"}
    error = RuntimeError("CUDA error: uncorrectable ECC error encountered\nFor debugging consider ...")
    machine("2.11.0+cu130", "13.0", error, available=True, get_arch_list=[built], **ada)
    assert refused() == (
        "the device 'cuda' does not work: torch 2.11.0+cu130: CUDA error: uncorrectable ECC error encountered; "
        "see nvidia-smi and pyspeech env, or choose --device cpu"
    )


def test_a_driver_that_is_too_old_is_named(machine):
    machine("2.11.0+cu130", "13.0", RuntimeError(TOO_OLD))
    assert refused() == (
        "the device 'cuda' does not work: The NVIDIA driver on your system is too old (found version 11040); "
        "update the driver, or run tools/install.sh --torch auto, or choose --device cpu"
    )


def test_a_torch_without_cuda_beside_a_gpu_is_named(machine):
    machine("2.11.0+cpu", None, AssertionError("Torch not compiled with CUDA enabled"))
    assert refused() == (
        "the device 'cuda' does not work: torch 2.11.0+cpu is built without CUDA; "
        "run tools/install.sh --torch auto, or choose --device cpu"
    )


def test_a_memory_that_is_full_is_named(machine):
    error = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB (GPU 0; 139.00 GiB total)")
    machine("2.11.0+cu130", "13.0", error, available=True)
    assert refused().startswith("the device 'cuda' does not work: CUDA out of memory; end what fills its memory")


def test_an_unknown_device_is_named():
    with pytest.raises(UserError, match="'gpu' is not a device; choose cpu, cuda"):
        choose_device("gpu")


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"the device 'cuda:99' does not work: .*choose --device cpu"):
        choose_device("cuda:99")


def test_a_device_is_called_by_its_name_or_its_threads(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H200")
    assert device_name(torch.device("cuda:1")) == "NVIDIA H200 (cuda:1)"
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert device_name(torch.device("cpu")) == "CPU, 1 thread"
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    assert device_name(torch.device("cpu")) == "CPU, 8 threads"
