"""Element-wise layers of Caffe's catalogue: activations, and Scale and Bias."""
