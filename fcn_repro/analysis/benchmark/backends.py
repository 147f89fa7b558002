"""The contenders: what each does in a job. A job is a method that is run again and again; what it returns is kept.

Every one uses the number of threads in OMP_NUM_THREADS, and leaves the cores alone while it is not its turn. With a
GPU's number in BENCH_GPU it computes there, and is done when the GPU is.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import time
from typing import Any, Callable, Mapping

import numpy as np

from fcn_repro.analysis.benchmark.place import Place
from fcn_repro.system import memory

THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
GPU = int(os.environ.get("BENCH_GPU", "-1"))
RATE, MOMENTUM, DECAY = 1e-14, 0.99, 5e-4  # of the reference's FCN-8s; they cost the same whatever they are


class Contender:
    """Somebody who computes from the files of a place."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def wait(self) -> None:
        """Until all is done that a GPU was given to do."""

    def peak(self) -> int:
        """The most bytes it has held: of the memory of what computes."""
        return memory.peak_bytes()


class Pycaffe(Contender):
    """This project's engine or real Caffe, by ENGINE."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        from fcn_repro import engine

        self.engine, self.caffe = engine, engine.caffe
        if GPU < 0:
            self.caffe.set_mode_cpu()
        else:
            self.caffe.set_device(GPU)
            self.caffe.set_mode_gpu()

    def wait(self) -> None:
        """See Contender."""
        timer = self.caffe.Timer()
        timer.start()
        timer.stop()

    def peak(self) -> int:
        """See Contender. Real Caffe does not tell of a GPU's: 0."""
        if GPU < 0:
            return super().peak()
        return int(self.caffe.mode.gpu_peak()) if self.engine.name == "torch" else 0

    def forward(self) -> Callable[[], np.ndarray]:
        """Label the image."""
        net = self._net(self.place.weights)
        return lambda: net.forward()["score"]

    def startup(self) -> Callable[[], np.ndarray]:
        """The same without weights: what is timed is all before it."""
        net = self._net(None)
        return lambda: net.forward()["score"]

    def step(self) -> Callable[[], None]:
        """Forward, backward and update, as `tools.solve` makes them."""
        solver = self.caffe.get_solver(str(self.place.solver))
        self.engine.save_memory(solver)
        solver.net.copy_from(str(self.place.weights))
        self._feed(solver.net, data=self.place.image, label=self.place.label)
        return lambda: solver.step(1)

    def load(self) -> Callable[[], None]:
        """Weights from the file into the net."""
        net = self.caffe.Net(str(self.place.deploy), self.caffe.TEST)
        return lambda: net.copy_from(str(self.place.weights))

    def save(self) -> Callable[[], None]:
        """Weights from the net into a file."""
        net = self._net(self.place.weights)
        out = self.place.path / f"saved-{os.getpid()}.caffemodel"

        def run() -> None:
            net.save(str(out))
            out.unlink()

        return run

    def data(self) -> Callable[[], float]:
        """A training step on pictures from disk: the seconds of it that went by in the data layer."""
        from fcn_repro import datasets

        datasets.register()
        solver = self.caffe.get_solver(str(self.place.learning / "solver.prototxt"))
        solver.net.copy_from(str(self.place.weights))
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
        """Score a split; the seconds that the net alone takes for as many images."""
        from fcn_repro import datasets
        from fcn_repro.datasets.base import data_layer
        from fcn_repro.evaluation.evaluate import seg_tests
        from fcn_repro.model.loss_heads import heads

        datasets.register()
        val = self.place.learning / "val.prototxt"
        net = self.caffe.Net(str(val), self.caffe.TEST, weights=str(self.place.weights))
        images, last = len(data_layer(net).items), len(net.layers) - 1

        def run() -> float:
            seg_tests(net, heads(val))
            self.wait()
            before = time.perf_counter()
            for _ in range(images):
                net._forward(1, last)
            self.wait()
            return time.perf_counter() - before

        return run

    def _net(self, weights: Any) -> Any:
        net = self.caffe.Net(str(self.place.deploy), self.caffe.TEST)
        if weights:
            net.copy_from(str(weights))
        self._feed(net, data=self.place.image)
        return net

    def _feed(self, net: Any, **files: Any) -> None:
        for name, file in files.items():
            array = np.load(str(file))
            net.blobs[name].reshape(*array.shape)
            net.blobs[name].data[...] = array


class OnnxRuntime(Contender):
    """Microsoft's, on the CPU."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.runtime = importlib.import_module("onnxruntime")

    def forward(self) -> Callable[[], np.ndarray]:
        """Label the image."""
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = self.runtime.InferenceSession(str(self.place.onnx), options, providers=["CPUExecutionProvider"])
        inputs = {"data": np.load(str(self.place.image))}
        return lambda: session.run(None, inputs)[0]


class OpenVino(Contender):
    """Intel's, on the CPU."""

    precision = "f32"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.runtime = importlib.import_module("openvino")

    def forward(self) -> Callable[[], np.ndarray]:
        """Label the image."""
        core, data = self.runtime.Core(), np.load(str(self.place.image))
        model = core.read_model(str(self.place.onnx))
        model.reshape(list(data.shape))
        settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": self.precision}
        request = core.compile_model(model, "CPU", settings).create_infer_request()
        return lambda: request.infer([data])[0].copy()


class OpenVinoBf16(OpenVino):
    """The same in bfloat16."""

    precision = "bf16"


class PyTorch(Contender):
    """A plain module, layer by layer, as most people port nets: this project's export of the net."""

    allow_tf32 = False

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        file = runpy.run_path(str(place.module))
        self.torch = sys.modules["torch"]
        self.torch.set_num_threads(THREADS)
        self.torch.backends.cudnn.allow_tf32 = self.torch.backends.cuda.matmul.allow_tf32 = self.allow_tf32
        self.device = self.torch.device("cpu" if GPU < 0 else f"cuda:{GPU}")
        self.net = file["load"](str(place.module.with_suffix(".pt"))).to(self.device)

    def wait(self) -> None:
        """See Contender."""
        if GPU >= 0:
            self.torch.cuda.synchronize(self.device)

    def peak(self) -> int:
        """See Contender."""
        return super().peak() if GPU < 0 else int(self.torch.cuda.max_memory_allocated(self.device))

    def compute(self, data: Any) -> Any:
        """The module's scores."""
        return self.net(data)

    def forward(self) -> Callable[[], np.ndarray]:
        """Label the image."""
        data = self.torch.from_numpy(np.load(str(self.place.image)))

        def run() -> np.ndarray:
            with self.torch.inference_mode():
                return self.compute(data.to(self.device)).float().cpu().numpy()

        return run

    def step(self) -> Callable[[], None]:
        """Forward, backward and update, with autograd and torch's own SGD."""
        torch, net = self.torch, self.net.train()
        data = torch.from_numpy(np.load(str(self.place.image))).to(self.device)
        label = torch.from_numpy(np.load(str(self.place.label))[:, 0]).long().to(self.device)
        for name, parameter in net.named_parameters():
            parameter.requires_grad_("up" not in name)
        learnt = [parameter for parameter in net.parameters() if parameter.requires_grad]
        optimiser = torch.optim.SGD(learnt, lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)

        def run() -> None:
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(self.compute(data), label, ignore_index=255, reduction="sum")
            loss.backward()
            optimiser.step()

        return run


class PyTorchTf32(PyTorch):
    """The same with TensorFloat-32."""

    allow_tf32 = True


class PyTorchBf16(PyTorch):
    """The same with torch's automatic mixed precision."""

    def compute(self, data: Any) -> Any:
        """See PyTorch."""
        with self.torch.autocast(self.device.type, self.torch.bfloat16):
            return self.net(data).float()


class BareConvolutions(PyTorch):
    """Nothing but the net's convolutions, forward and backward: a training step by this library is no faster."""

    def step(self) -> Callable[[], None]:
        """Each convolution on its own, with a fresh gradient from above; none to the image."""
        torch = self.torch
        calls: list[tuple[Any, Any]] = []

        def note(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
            calls.append((module, torch.randn_like(inputs[0])))

        convolutions = [module for module in self.net.modules() if isinstance(module, torch.nn.Conv2d)]
        hooks = [module.register_forward_hook(note) for module in convolutions]
        with torch.no_grad():
            self.net(torch.from_numpy(np.load(str(self.place.image))).to(self.device))
        for hook in hooks:
            hook.remove()

        def run() -> None:
            for i, (module, bottom) in enumerate(calls):
                module.zero_grad()
                top = module(bottom.requires_grad_(i > 0))
                top.backward(top.detach())
                bottom.grad = None

        return run


CONTENDERS: Mapping[str, Callable[[Place], Any]] = {
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
