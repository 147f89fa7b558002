"""The backends. Each job is a method that prepares it and returns a function, which is called once a round.

forward   label the image          startup   the same without weights: the parent times the start of the process
step      a training step on it    load      weights from a file       save    weights to a file
data      a training step on images from disk; the value is the seconds of its data layer
score     score a split; the value is the seconds of the net alone for the same images

OMP_NUM_THREADS   threads of a backend, which must not spin while another backend runs
BENCH_GPU         number of the GPU to compute on; -1 or unset for the CPU
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import time
from typing import Any, Callable, Mapping

import numpy as np

from fcn_repro.analysis.benchmark.files import BenchmarkFiles
from fcn_repro.datasets.data_set import VOID
from fcn_repro.system import memory

THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
GPU = int(os.environ.get("BENCH_GPU", "-1"))
RATE, MOMENTUM, DECAY = 1e-14, 0.99, 5e-4  # the reference's for FCN-8s


class Backend:
    """A library that runs the nets of the benchmark."""

    def __init__(self, files: BenchmarkFiles) -> None:
        self.files = files

    def wait(self) -> None:
        """Wait until the GPU has finished its work."""

    def peak_bytes(self) -> int:
        """Peak memory of the process, or of the GPU it computes on; 0 if unknown."""
        return memory.peak_bytes()


class Pycaffe(Backend):
    """This project's engine or real Caffe, by ENGINE."""

    def __init__(self, files: BenchmarkFiles) -> None:
        super().__init__(files)
        from fcn_repro import engine

        self.engine, self.caffe = engine, engine.caffe
        if GPU < 0:
            self.caffe.set_mode_cpu()
        else:
            self.caffe.set_device(GPU)
            self.caffe.set_mode_gpu()

    def wait(self) -> None:
        timer = self.caffe.Timer()
        timer.start()
        timer.stop()

    def peak_bytes(self) -> int:
        """Real Caffe does not report the memory of a GPU: 0."""
        if GPU < 0:
            return super().peak_bytes()
        return int(self.caffe.mode.gpu_peak()) if self.engine.name == "torch" else 0

    def forward(self) -> Callable[[], np.ndarray]:
        net = self._net(self.files.weights)
        return lambda: net.forward()["score"]

    def startup(self) -> Callable[[], np.ndarray]:
        net = self._net(None)
        return lambda: net.forward()["score"]

    def step(self) -> Callable[[], None]:
        solver = self.caffe.get_solver(str(self.files.solver))
        self.engine.save_memory(solver)
        solver.net.copy_from(str(self.files.weights))
        self._feed(solver.net, data=self.files.image, label=self.files.label)
        return lambda: solver.step(1)

    def load(self) -> Callable[[], None]:
        net = self.caffe.Net(str(self.files.deploy), self.caffe.TEST)
        return lambda: net.copy_from(str(self.files.weights))

    def save(self) -> Callable[[], None]:
        net = self._net(self.files.weights)
        out = self.files.path / f"saved-{os.getpid()}.caffemodel"

        def run() -> None:
            net.save(str(out))
            out.unlink()

        return run

    def data(self) -> Callable[[], float]:
        from fcn_repro import datasets

        datasets.register()
        solver = self.caffe.get_solver(str(self.files.from_disk / "solver.prototxt"))
        solver.net.copy_from(str(self.files.weights))
        spent = [0.0, 0.0]

        def begin(layer: int) -> None:
            spent[0] = time.perf_counter()

        def end(layer: int) -> None:
            if layer == 0:
                spent[1] = time.perf_counter() - spent[0]

        solver.net.before_forward(begin)
        solver.net.after_forward(end)

        def run() -> float:
            solver.step(1)
            return spent[1]

        return run

    def score(self) -> Callable[[], float]:
        from fcn_repro import datasets
        from fcn_repro.datasets.data_layer import find_data_layer
        from fcn_repro.evaluation.evaluate import score_net
        from fcn_repro.model.loss_heads import read_heads

        datasets.register()
        val = self.files.from_disk / "val.prototxt"
        net = self.caffe.Net(str(val), self.caffe.TEST, weights=str(self.files.weights))
        images, last = len(find_data_layer(net).items), len(net.layers) - 1

        def run() -> float:
            score_net(net, read_heads(val))
            self.wait()
            before = time.perf_counter()
            for _ in range(images):
                net._forward(1, last)
            self.wait()
            return time.perf_counter() - before

        return run

    def _net(self, weights: Any) -> Any:
        net = self.caffe.Net(str(self.files.deploy), self.caffe.TEST)
        if weights:
            net.copy_from(str(weights))
        self._feed(net, data=self.files.image)
        return net

    def _feed(self, net: Any, **arrays: Any) -> None:
        for name, file in arrays.items():
            array = np.load(str(file))
            net.blobs[name].reshape(*array.shape)
            net.blobs[name].data[...] = array


class OnnxRuntime(Backend):
    """ONNX Runtime on the CPU."""

    def __init__(self, files: BenchmarkFiles) -> None:
        super().__init__(files)
        self.runtime = importlib.import_module("onnxruntime")

    def forward(self) -> Callable[[], np.ndarray]:
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = self.runtime.InferenceSession(str(self.files.onnx), options, providers=["CPUExecutionProvider"])
        inputs = {"data": np.load(str(self.files.image))}
        return lambda: session.run(None, inputs)[0]


class OpenVino(Backend):
    """OpenVINO on the CPU."""

    precision = "f32"

    def __init__(self, files: BenchmarkFiles) -> None:
        super().__init__(files)
        self.runtime = importlib.import_module("openvino")

    def forward(self) -> Callable[[], np.ndarray]:
        core, data = self.runtime.Core(), np.load(str(self.files.image))
        model = core.read_model(str(self.files.onnx))
        model.reshape(list(data.shape))
        settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": self.precision}
        request = core.compile_model(model, "CPU", settings).create_infer_request()
        return lambda: request.infer([data])[0].copy()


class OpenVinoBf16(OpenVino):
    """OpenVINO in bfloat16."""

    precision = "bf16"


class PyTorch(Backend):
    """A plain torch.nn.Module, as most ports are: this project's export of the net."""

    allow_tf32 = False

    def __init__(self, files: BenchmarkFiles) -> None:
        super().__init__(files)
        file = runpy.run_path(str(files.module))
        self.torch = sys.modules["torch"]
        self.torch.set_num_threads(THREADS)
        self.torch.backends.cudnn.allow_tf32 = self.torch.backends.cuda.matmul.allow_tf32 = self.allow_tf32
        self.device = self.torch.device("cpu" if GPU < 0 else f"cuda:{GPU}")
        self.net = file["load"](str(files.module.with_suffix(".pt"))).to(self.device)

    def wait(self) -> None:
        if GPU >= 0:
            self.torch.cuda.synchronize(self.device)

    def peak_bytes(self) -> int:
        return super().peak_bytes() if GPU < 0 else int(self.torch.cuda.max_memory_allocated(self.device))

    def compute(self, data: Any) -> Any:
        return self.net(data)

    def forward(self) -> Callable[[], np.ndarray]:
        data = self.torch.from_numpy(np.load(str(self.files.image)))

        def run() -> np.ndarray:
            with self.torch.inference_mode():
                return self.compute(data.to(self.device)).float().cpu().numpy()

        return run

    def step(self) -> Callable[[], None]:
        torch, net = self.torch, self.net.train()
        data = torch.from_numpy(np.load(str(self.files.image))).to(self.device)
        label = torch.from_numpy(np.load(str(self.files.label))[:, 0]).long().to(self.device)
        for name, parameter in net.named_parameters():
            parameter.requires_grad_("up" not in name)
        trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
        optimiser = torch.optim.SGD(trained, lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)

        def run() -> None:
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(self.compute(data), label, ignore_index=VOID, reduction="sum")
            loss.backward()
            optimiser.step()

        return run


class PyTorchTf32(PyTorch):
    """PyTorch with TensorFloat-32."""

    allow_tf32 = True


class PyTorchBf16(PyTorch):
    """PyTorch with its automatic mixed precision in bfloat16."""

    def compute(self, data: Any) -> Any:
        with self.torch.autocast(self.device.type, self.torch.bfloat16):
            return self.net(data).float()


class BareConvolutions(PyTorch):
    """Only the net's convolutions, forward and backward: a lower bound of a training step by this library."""

    def step(self) -> Callable[[], None]:
        """Run each convolution alone, with its output as gradient; none flows to the image."""
        torch = self.torch
        calls: list[tuple[Any, Any]] = []

        def record(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
            calls.append((module, torch.randn_like(inputs[0])))

        convolutions = [module for module in self.net.modules() if isinstance(module, torch.nn.Conv2d)]
        hooks = [module.register_forward_hook(record) for module in convolutions]
        with torch.no_grad():
            self.net(torch.from_numpy(np.load(str(self.files.image))).to(self.device))
        for hook in hooks:
            hook.remove()

        def run() -> None:
            for i, (module, bottom) in enumerate(calls):
                module.zero_grad()
                top = module(bottom.requires_grad_(i > 0))
                top.backward(top.detach())
                bottom.grad = None

        return run


BACKENDS: Mapping[str, Callable[[BenchmarkFiles], Any]] = {
    "ours": Pycaffe,
    "ours-plain": Pycaffe,
    "ours-tf32": Pycaffe,
    "ours-bf16": Pycaffe,
    "caffe": Pycaffe,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "openvino-bf16": OpenVinoBf16,
    "pytorch": PyTorch,
    "pytorch-tf32": PyTorchTf32,
    "pytorch-bf16": PyTorchBf16,
    "convolutions": BareConvolutions,
}
