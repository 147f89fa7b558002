import caffe
import surgery

caffe.set_random_seed(7)
net = caffe.Net("classifier.prototxt", caffe.TEST)
new_net = caffe.Net("train.prototxt", caffe.TRAIN)
surgery.transplant(new_net, net)
new_net.save("fcn.caffemodel")
