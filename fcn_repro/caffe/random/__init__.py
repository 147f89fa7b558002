"""Caffe's random numbers, to the bit on the CPU.

rng.py             set_random_seed and this thread's generators; start here
host_generator.py  MT19937 and boost's distributions; ziggurat.py has the normal one
fillers.py         initial values of parameters
c_rand.py          the C library's rand(), for HDF5Data
"""
