"""Make `import caffe` give this project's engine, in this process and in the Python processes that it starts.

    import fcn_repro.as_caffe   # before `import caffe`: the first cell of a notebook, or the first line of a script
    import caffe

`fcn-repro pycaffe` and `fcn-repro caffe` do this for the scripts and layers that they run. Elsewhere a real Caffe keeps
its name. It keeps it, too, with ENGINE=bvlc and in interpreters without torch.
"""

from fcn_repro import shim

shim.install()
