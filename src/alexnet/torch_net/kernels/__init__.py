"""Kernels of our own: C for the CPU, built at installation, and Triton for GPUs. Each is the same
function as one in torch operations elsewhere in torch_net, which is used where a kernel is not.
"""
