"""A net as files: prototxts, weights, and what follows from them without training.

run_folder        the names of all files under build/<experiment>/: start here
prototxt          reads nets and solver files
find_weights      picks the model and the weights that a program uses
deploy_metadata   deploy.json: inputs, mean pixel and class names of a deployed net
surgery           copies weights between nets: convolutionalisation, bilinear filters, score layers
initial_weights   the weights that a run starts from; hed_weights replaces ILSVRC's where they are unavailable
loss_heads        what each loss layer compares; class_map turns scores into label maps
receptive_field   where the cells of a feature map lie on the image; parameter_count; dilated makes stride 1 nets
exchange/         ONNX and PyTorch files

Shapes are (N, C, H, W). Caffe's names are the only ones used of an engine, so both engines work.
"""
