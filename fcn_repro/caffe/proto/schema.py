"""Caffe's schema: every message and enum of its file formats, in the language of protocol buffers.

63 messages, 423 fields. Names, numbers, types, defaults and packing *are* the file formats (prototxt, caffemodel,
solverstate, binaryproto), so they are Caffe's to the letter; the comments are ours. `caffe_pb2` compiles this text when
it is imported, which needs no protoc and works with every protobuf from 3.20 on.

Source: BVLC/caffe 9b89154, src/caffe/proto/caffe.proto.
"""

SCHEMA = """\
syntax = "proto2";
package caffe;

// ---- Blobs and data ------------------------------------------------------------------

// The size of every axis, outermost first.
message BlobShape {
  repeated int64 dim = 1 [packed = true];
}

// A blob on disk: one array of numbers with, optionally, its gradient.
message BlobProto {
  optional int32 num = 1 [default = 0];             // num to width: the shape of files older than `shape`
  optional int32 channels = 2 [default = 0];
  optional int32 height = 3 [default = 0];
  optional int32 width = 4 [default = 0];
  repeated float data = 5 [packed = true];
  repeated float diff = 6 [packed = true];          // the gradient; written only on request
  optional BlobShape shape = 7;                     // without it, the four legacy dimensions speak
  repeated double double_data = 8 [packed = true];  // in place of `data` where Caffe ran in double precision
  repeated double double_diff = 9 [packed = true];
}

// Several blobs, as pycaffe packs them into one string.
message BlobProtoVector {
  repeated BlobProto blobs = 1;
}

// One example of a database: an image and its class.
message Datum {
  optional int32 channels = 1;
  optional int32 height = 2;
  optional int32 width = 3;
  optional bytes data = 4;                      // pixels, channel by channel; or an encoded image file
  optional int32 label = 5;
  repeated float float_data = 6;                // in place of `data` for numbers that are not bytes
  optional bool encoded = 7 [default = false];  // `data` is a JPEG or PNG file
}

// How a parameter blob gets its first values.
message FillerParameter {
  enum VarianceNorm { FAN_IN = 0; FAN_OUT = 1; AVERAGE = 2; }
  optional string type = 1 [default = "constant"];             // constant gaussian uniform xavier msra bilinear ...
  optional float value = 2 [default = 0.0];                    // constant
  optional float min = 3 [default = 0.0];                      // uniform: from min
  optional float max = 4 [default = 1.0];                      // uniform: to max
  optional float mean = 5 [default = 0.0];                     // gaussian
  optional float std = 6 [default = 1.0];                      // gaussian
  optional int32 sparse = 7 [default = -1];                    // gaussian: non-zero inputs of an output; -1: all
  optional VarianceNorm variance_norm = 8 [default = FAN_IN];  // xavier, msra: which fan scales the variance
}

// ---- Nets and layers -----------------------------------------------------------------

enum Phase { TRAIN = 0; TEST = 1; }

// A whole net: what a prototxt describes and what a caffemodel also fills with weights.
message NetParameter {
  optional string name = 1;
  repeated V1LayerParameter layers = 2;                // format of 2014; upgraded when read
  repeated string input = 3;                           // before Input layers: the names of the inputs ...
  repeated int32 input_dim = 4;                        // ... and their sizes, four numbers each
  optional bool force_backward = 5 [default = false];  // compute gradients of the inputs too
  optional NetState state = 6;
  optional bool debug_info = 7 [default = false];      // log the mean magnitude of every blob
  repeated BlobShape input_shape = 8;                  // ... or one shape each
  repeated LayerParameter layer = 100;                 // in the order they run
}

// What decides which layers of a net exist: see NetStateRule.
message NetState {
  optional Phase phase = 1 [default = TEST];
  optional int32 level = 2 [default = 0];  // rules compare it with min_level and max_level
  repeated string stage = 3;               // free words; rules ask for or forbid them
}

// A layer is included, or excluded, when the state meets every condition given here.
message NetStateRule {
  optional Phase phase = 1;
  optional int32 min_level = 2;
  optional int32 max_level = 3;
  repeated string stage = 4;      // all of them are set
  repeated string not_stage = 5;  // none of them is set
}

// How one parameter blob of a layer learns, and whom it shares its values with.
message ParamSpec {
  enum DimCheckMode { STRICT = 0; PERMISSIVE = 1; }
  optional string name = 1;                       // blobs of one name share their values
  optional DimCheckMode share_mode = 2;           // sharers must agree in shape, or in count only
  optional float lr_mult = 3 [default = 1.0];     // times the learning rate; 0 freezes
  optional float decay_mult = 4 [default = 1.0];  // times the weight decay
}

// One layer. Each layer type reads its own *_param and ignores the rest.
message LayerParameter {
  optional string name = 1;
  optional string type = 2;
  repeated string bottom = 3;
  repeated string top = 4;
  repeated float loss_weight = 5;                          // one per top; what the top adds to the loss
  repeated ParamSpec param = 6;                            // one per parameter blob
  repeated BlobProto blobs = 7;                            // the parameters themselves, in a caffemodel
  repeated NetStateRule include = 8;
  repeated NetStateRule exclude = 9;
  optional Phase phase = 10;                               // set by the net that owns the layer
  repeated bool propagate_down = 11;                       // one per bottom; overrides where gradients go
  optional TransformationParameter transform_param = 100;  // from here on: what the layer types read
  optional LossParameter loss_param = 101;
  optional AccuracyParameter accuracy_param = 102;
  optional ArgMaxParameter argmax_param = 103;
  optional ConcatParameter concat_param = 104;
  optional ContrastiveLossParameter contrastive_loss_param = 105;
  optional ConvolutionParameter convolution_param = 106;
  optional DataParameter data_param = 107;
  optional DropoutParameter dropout_param = 108;
  optional DummyDataParameter dummy_data_param = 109;
  optional EltwiseParameter eltwise_param = 110;
  optional ExpParameter exp_param = 111;
  optional HDF5DataParameter hdf5_data_param = 112;
  optional HDF5OutputParameter hdf5_output_param = 113;
  optional HingeLossParameter hinge_loss_param = 114;
  optional ImageDataParameter image_data_param = 115;
  optional InfogainLossParameter infogain_loss_param = 116;
  optional InnerProductParameter inner_product_param = 117;
  optional LRNParameter lrn_param = 118;
  optional MemoryDataParameter memory_data_param = 119;
  optional MVNParameter mvn_param = 120;
  optional PoolingParameter pooling_param = 121;
  optional PowerParameter power_param = 122;
  optional ReLUParameter relu_param = 123;
  optional SigmoidParameter sigmoid_param = 124;
  optional SoftmaxParameter softmax_param = 125;
  optional SliceParameter slice_param = 126;
  optional TanHParameter tanh_param = 127;
  optional ThresholdParameter threshold_param = 128;
  optional WindowDataParameter window_data_param = 129;
  optional PythonParameter python_param = 130;
  optional PReLUParameter prelu_param = 131;
  optional SPPParameter spp_param = 132;
  optional ReshapeParameter reshape_param = 133;
  optional LogParameter log_param = 134;
  optional FlattenParameter flatten_param = 135;
  optional ReductionParameter reduction_param = 136;
  optional EmbedParameter embed_param = 137;
  optional TileParameter tile_param = 138;
  optional BatchNormParameter batch_norm_param = 139;
  optional ELUParameter elu_param = 140;
  optional BiasParameter bias_param = 141;
  optional ScaleParameter scale_param = 142;
  optional InputParameter input_param = 143;
  optional CropParameter crop_param = 144;
  optional ParameterParameter parameter_param = 145;
  optional RecurrentParameter recurrent_param = 146;
  optional SwishParameter swish_param = 147;
  optional ClipParameter clip_param = 148;
}

// ---- Solvers -------------------------------------------------------------------------

// How a net is trained.
message SolverParameter {
  enum SnapshotFormat { HDF5 = 0; BINARYPROTO = 1; }
  enum SolverMode { CPU = 0; GPU = 1; }
  enum SolverType { SGD = 0; NESTEROV = 1; ADAGRAD = 2; RMSPROP = 3; ADADELTA = 4; ADAM = 5; }
  optional string train_net = 1;                              // one of net, net_param, train_net, train_net_param
  repeated string test_net = 2;
  repeated int32 test_iter = 3;                               // forward passes per test, one number per test net
  optional int32 test_interval = 4 [default = 0];             // iterations between two tests
  optional float base_lr = 5;                                 // the learning rate that lr_policy starts from
  optional int32 display = 6;                                 // iterations between two log lines; 0: silent
  optional int32 max_iter = 7;                                // where solve() ends; step() knows no end
  optional string lr_policy = 8;                              // fixed step exp inv multistep poly sigmoid
  optional float gamma = 9;                                   // step exp inv multistep sigmoid
  optional float power = 10;                                  // inv poly
  optional float momentum = 11;
  optional float weight_decay = 12;
  optional int32 stepsize = 13;                               // step sigmoid
  optional int32 snapshot = 14 [default = 0];                 // iterations between two snapshots; 0: none
  optional string snapshot_prefix = 15;                       // the solver file without its extension, if absent
  optional bool snapshot_diff = 16 [default = false];         // write gradients too
  optional SolverMode solver_mode = 17 [default = GPU];
  optional int32 device_id = 18 [default = 0];
  optional bool test_compute_loss = 19 [default = false];     // log the loss of test nets
  optional int64 random_seed = 20 [default = -1];             // -1: from the clock
  optional NetParameter train_net_param = 21;
  repeated NetParameter test_net_param = 22;
  optional bool debug_info = 23 [default = false];            // log the mean magnitude of every parameter
  optional string net = 24;
  optional NetParameter net_param = 25;
  optional NetState train_state = 26;
  repeated NetState test_state = 27;
  optional bool snapshot_after_train = 28 [default = true];   // solve() ends with a snapshot
  optional string regularization_type = 29 [default = "L2"];  // L1 or L2
  optional SolverType solver_type = 30 [default = SGD];       // older than `type`; upgraded when read
  optional float delta = 31 [default = 1e-08];                // RMSProp AdaGrad AdaDelta Adam: keeps divisions finite
  optional bool test_initialization = 32 [default = true];    // test before the first iteration
  optional int32 average_loss = 33 [default = 1];             // log the mean loss of that many iterations
  repeated int32 stepvalue = 34;                              // multistep
  optional float clip_gradients = 35 [default = -1.0];        // largest L2 norm of all gradients; negative: none
  optional int32 iter_size = 36 [default = 1];                // backward passes whose gradients make one update
  optional SnapshotFormat snapshot_format = 37 [default = BINARYPROTO];
  optional float rms_decay = 38 [default = 0.99];             // RMSProp
  optional float momentum2 = 39 [default = 0.999];            // Adam
  optional string type = 40 [default = "SGD"];                // SGD Nesterov AdaGrad RMSProp AdaDelta Adam
  optional bool layer_wise_reduce = 41 [default = true];      // several GPUs: sum gradients while backward runs
  repeated string weights = 42;                               // caffemodels to start from
}

// Where training stood: with the weights it names, enough to go on as if never stopped.
message SolverState {
  optional int32 iter = 1;
  optional string learned_net = 2;                // the caffemodel written beside it
  repeated BlobProto history = 3;                 // the momentum, or whatever the solver type remembers
  optional int32 current_step = 4 [default = 0];  // lr_policy step and multistep
}

// ---- Shared by several layer types ---------------------------------------------------

// What a data layer does to pixels.
message TransformationParameter {
  optional float scale = 1 [default = 1.0];     // after subtracting the mean
  optional bool mirror = 2 [default = false];   // flip left to right, at random
  optional uint32 crop_size = 3 [default = 0];  // at random in training, in the centre otherwise
  optional string mean_file = 4;                // a BlobProto ...
  repeated float mean_value = 5;                // ... or one number per channel
  optional bool force_color = 6 [default = false];
  optional bool force_gray = 7 [default = false];
}

// Shared by the losses that average over positions.
message LossParameter {
  enum NormalizationMode { FULL = 0; VALID = 1; BATCH_SIZE = 2; NONE = 3; }
  optional int32 ignore_label = 1;                                 // positions with this label neither count nor learn
  optional bool normalize = 2;                                     // older: true is VALID, false BATCH_SIZE
  optional NormalizationMode normalization = 3 [default = VALID];  // divides the loss: all positions, valid ones, N, 1
}

// ---- One message per family of layer types -------------------------------------------

message AccuracyParameter {
  optional uint32 top_k = 1 [default = 1];  // right if among the best k
  optional int32 axis = 2 [default = 1];
  optional int32 ignore_label = 3;          // positions with this label do not count
}

message ArgMaxParameter {
  optional bool out_max_val = 1 [default = false];  // the values beside, or in place of, the indices
  optional uint32 top_k = 2 [default = 1];
  optional int32 axis = 3;                          // without it, over everything after the first axis
}

message BatchNormParameter {
  optional bool use_global_stats = 1;                            // without it, exactly when not training
  optional float moving_average_fraction = 2 [default = 0.999];  // how much of the old average an iteration keeps
  optional float eps = 3 [default = 1e-05];
}

message BiasParameter {
  optional int32 axis = 1 [default = 1];
  optional int32 num_axes = 2 [default = 1];  // -1: all that follow
  optional FillerParameter filler = 3;        // without it, zero
}

message ClipParameter {
  required float min = 1;
  required float max = 2;
}

message ConcatParameter {
  optional uint32 concat_dim = 1 [default = 1];  // older than `axis`
  optional int32 axis = 2 [default = 1];
}

message ContrastiveLossParameter {
  optional float margin = 1 [default = 1.0];
  optional bool legacy_version = 2 [default = false];  // the margin on squared distances
}

message ConvolutionParameter {
  enum Engine { DEFAULT = 0; CAFFE = 1; CUDNN = 2; }
  optional uint32 num_output = 1;
  optional bool bias_term = 2 [default = true];
  repeated uint32 pad = 3;                               // pad to dilation: one for all spatial axes or one each
  repeated uint32 kernel_size = 4;
  optional uint32 group = 5 [default = 1];               // channels are split into so many nets side by side
  repeated uint32 stride = 6;
  optional FillerParameter weight_filler = 7;
  optional FillerParameter bias_filler = 8;
  optional uint32 pad_h = 9 [default = 0];               // or, for two spatial axes, by name
  optional uint32 pad_w = 10 [default = 0];
  optional uint32 kernel_h = 11;
  optional uint32 kernel_w = 12;
  optional uint32 stride_h = 13;
  optional uint32 stride_w = 14;
  optional Engine engine = 15 [default = DEFAULT];
  optional int32 axis = 16 [default = 1];                // of the channels; spatial axes follow
  optional bool force_nd_im2col = 17 [default = false];  // the general algorithm for two axes too
  repeated uint32 dilation = 18;
}

message CropParameter {
  optional int32 axis = 1 [default = 2];  // this axis and all after it take the second bottom's size
  repeated uint32 offset = 2;             // one for all or one each
}

message DataParameter {
  enum DB { LEVELDB = 0; LMDB = 1; }
  optional string source = 1;
  optional float scale = 2 [default = 1.0];     // scale, mean_file, crop_size, mirror: moved to transform_param
  optional string mean_file = 3;
  optional uint32 batch_size = 4;
  optional uint32 crop_size = 5 [default = 0];
  optional bool mirror = 6 [default = false];
  optional uint32 rand_skip = 7 [default = 0];  // start at a random example among so many
  optional DB backend = 8 [default = LEVELDB];
  optional bool force_encoded_color = 9 [default = false];
  optional uint32 prefetch = 10 [default = 4];  // batches read ahead
}

message DropoutParameter {
  optional float dropout_ratio = 1 [default = 0.5];  // the probability of becoming zero
}

message DummyDataParameter {
  repeated FillerParameter data_filler = 1;  // none: zero; one for all tops, or one each
  repeated uint32 num = 2;                   // num to width: older than `shape`
  repeated uint32 channels = 3;
  repeated uint32 height = 4;
  repeated uint32 width = 5;
  repeated BlobShape shape = 6;
}

message EltwiseParameter {
  enum EltwiseOp { PROD = 0; SUM = 1; MAX = 2; }
  optional EltwiseOp operation = 1 [default = SUM];
  repeated float coeff = 2;                             // SUM: one factor per bottom
  optional bool stable_prod_grad = 3 [default = true];  // PROD: multiply the others, do not divide the product
}

message ELUParameter {
  optional float alpha = 1 [default = 1.0];  // alpha * (exp(x) - 1) where x is negative
}

message EmbedParameter {
  optional uint32 num_output = 1;
  optional uint32 input_dim = 2;  // the number of words
  optional bool bias_term = 3 [default = true];
  optional FillerParameter weight_filler = 4;
  optional FillerParameter bias_filler = 5;
}

message ExpParameter {
  optional float base = 1 [default = -1.0];  // -1: e
  optional float scale = 2 [default = 1.0];  // base ^ (shift + scale * x)
  optional float shift = 3 [default = 0.0];
}

message FlattenParameter {
  optional int32 axis = 1 [default = 1];
  optional int32 end_axis = 2 [default = -1];  // the last axis that is flattened
}

message HDF5DataParameter {
  optional string source = 1;  // a list of HDF5 files
  optional uint32 batch_size = 2;
  optional bool shuffle = 3 [default = false];
}

message HDF5OutputParameter {
  optional string file_name = 1;
}

message HingeLossParameter {
  enum Norm { L1 = 1; L2 = 2; }
  optional Norm norm = 1 [default = L1];  // L2 squares every violation
}

message ImageDataParameter {
  optional string source = 1;                    // lines of: file, class
  optional float scale = 2 [default = 1.0];      // scale, mean_file, crop_size, mirror: moved to transform_param
  optional string mean_file = 3;
  optional uint32 batch_size = 4 [default = 1];
  optional uint32 crop_size = 5 [default = 0];
  optional bool mirror = 6 [default = false];
  optional uint32 rand_skip = 7 [default = 0];
  optional bool shuffle = 8 [default = false];
  optional uint32 new_height = 9 [default = 0];  // resize every image; 0: leave it
  optional uint32 new_width = 10 [default = 0];
  optional bool is_color = 11 [default = true];
  optional string root_folder = 12 [default = ""];
}

message InfogainLossParameter {
  optional string source = 1;  // a BlobProto: the matrix, unless it is the third bottom
  optional int32 axis = 2 [default = 1];
}

message InnerProductParameter {
  optional uint32 num_output = 1;
  optional bool bias_term = 2 [default = true];
  optional FillerParameter weight_filler = 3;
  optional FillerParameter bias_filler = 4;
  optional int32 axis = 5 [default = 1];          // this axis and all after it are one vector
  optional bool transpose = 6 [default = false];  // the weights are (inputs, outputs)
}

message InputParameter {
  repeated BlobShape shape = 1;  // one for all tops or one each
}

message LogParameter {
  optional float base = 1 [default = -1.0];  // -1: e
  optional float scale = 2 [default = 1.0];  // log_base(shift + scale * x)
  optional float shift = 3 [default = 0.0];
}

message LRNParameter {
  enum NormRegion { ACROSS_CHANNELS = 0; WITHIN_CHANNEL = 1; }
  enum Engine { DEFAULT = 0; CAFFE = 1; CUDNN = 2; }
  optional uint32 local_size = 1 [default = 5];  // odd: channels, or the side of a square
  optional float alpha = 2 [default = 1.0];
  optional float beta = 3 [default = 0.75];
  optional NormRegion norm_region = 4 [default = ACROSS_CHANNELS];
  optional float k = 5 [default = 1.0];
  optional Engine engine = 6 [default = DEFAULT];
}

message MemoryDataParameter {
  optional uint32 batch_size = 1;
  optional uint32 channels = 2;
  optional uint32 height = 3;
  optional uint32 width = 4;
}

message MVNParameter {
  optional bool normalize_variance = 1 [default = true];  // false: the mean only
  optional bool across_channels = 2 [default = false];
  optional float eps = 3 [default = 1e-09];
}

message ParameterParameter {
  optional BlobShape shape = 1;
}

message PoolingParameter {
  enum PoolMethod { MAX = 0; AVE = 1; STOCHASTIC = 2; }
  enum Engine { DEFAULT = 0; CAFFE = 1; CUDNN = 2; }
  enum RoundMode { CEIL = 0; FLOOR = 1; }
  optional PoolMethod pool = 1 [default = MAX];
  optional uint32 kernel_size = 2;
  optional uint32 stride = 3 [default = 1];
  optional uint32 pad = 4 [default = 0];
  optional uint32 kernel_h = 5;
  optional uint32 kernel_w = 6;
  optional uint32 stride_h = 7;
  optional uint32 stride_w = 8;
  optional uint32 pad_h = 9 [default = 0];
  optional uint32 pad_w = 10 [default = 0];
  optional Engine engine = 11 [default = DEFAULT];
  optional bool global_pooling = 12 [default = false];  // the window is the whole image
  optional RoundMode round_mode = 13 [default = CEIL];  // when strides do not fill the image
}

message PowerParameter {
  optional float power = 1 [default = 1.0];  // (shift + scale * x) ^ power
  optional float scale = 2 [default = 1.0];
  optional float shift = 3 [default = 0.0];
}

message PReLUParameter {
  optional FillerParameter filler = 1;                 // without it, 0.25
  optional bool channel_shared = 2 [default = false];  // one slope for all channels
}

message PythonParameter {
  optional string module = 1;
  optional string layer = 2;
  optional string param_str = 3 [default = ""];           // free text for the layer to read
  optional bool share_in_parallel = 4 [default = false];  // one layer for all solvers
}

message RecurrentParameter {
  optional uint32 num_output = 1 [default = 0];
  optional FillerParameter weight_filler = 2;
  optional FillerParameter bias_filler = 3;
  optional bool debug_info = 4 [default = false];     // log the unrolled net
  optional bool expose_hidden = 5 [default = false];  // the hidden state is a bottom and a top
}

message ReductionParameter {
  enum ReductionOp { SUM = 1; ASUM = 2; SUMSQ = 3; MEAN = 4; }
  optional ReductionOp operation = 1 [default = SUM];
  optional int32 axis = 2 [default = 0];     // this axis and all after it become one number
  optional float coeff = 3 [default = 1.0];  // times the result
}

message ReLUParameter {
  enum Engine { DEFAULT = 0; CAFFE = 1; CUDNN = 2; }
  optional float negative_slope = 1 [default = 0.0];  // 0: the plain ReLU
  optional Engine engine = 2 [default = DEFAULT];
}

message ReshapeParameter {
  optional BlobShape shape = 1;                // 0 copies the bottom's size, one -1 is inferred
  optional int32 axis = 2 [default = 0];       // the axes from here ...
  optional int32 num_axes = 3 [default = -1];  // ... so many of them, or -1 all, are replaced
}

message ScaleParameter {
  optional int32 axis = 1 [default = 1];
  optional int32 num_axes = 2 [default = 1];  // -1: all that follow
  optional FillerParameter filler = 3;        // without it, one
  optional bool bias_term = 4 [default = false];
  optional FillerParameter bias_filler = 5;   // without it, zero
}

message SigmoidParameter {
  enum Engine { DEFAULT = 0; CAFFE = 1; CUDNN = 2; }
  optional Engine engine = 1 [default = DEFAULT];
}

message SliceParameter {
  optional uint32 slice_dim = 1 [default = 1];  // older than `axis`
  repeated uint32 slice_point = 2;              // without them, equal parts
  optional int32 axis = 3 [default = 1];
}

message SoftmaxParameter {
  enum Engine { DEFAULT = 0; CAFFE = 1; CUDNN = 2; }
  optional Engine engine = 1 [default = DEFAULT];
  optional int32 axis = 2 [default = 1];
}

message SPPParameter {
  enum PoolMethod { MAX = 0; AVE = 1; STOCHASTIC = 2; }
  enum Engine { DEFAULT = 0; CAFFE = 1; CUDNN = 2; }
  optional uint32 pyramid_height = 1;  // level i pools into 4^i bins
  optional PoolMethod pool = 2 [default = MAX];
  optional Engine engine = 6 [default = DEFAULT];
}

message SwishParameter {
  optional float beta = 1 [default = 1.0];  // x * sigmoid(beta * x)
}

message TanHParameter {
  enum Engine { DEFAULT = 0; CAFFE = 1; CUDNN = 2; }
  optional Engine engine = 1 [default = DEFAULT];
}

message ThresholdParameter {
  optional float threshold = 1 [default = 0.0];  // 1 above it, 0 elsewhere
}

message TileParameter {
  optional int32 axis = 1 [default = 1];  // repeat the blob along it
  optional int32 tiles = 2;
}

message WindowDataParameter {
  optional string source = 1;
  optional float scale = 2 [default = 1.0];           // scale, mean_file, crop_size, mirror: moved to transform_param
  optional string mean_file = 3;
  optional uint32 batch_size = 4;
  optional uint32 crop_size = 5 [default = 0];
  optional bool mirror = 6 [default = false];
  optional float fg_threshold = 7 [default = 0.5];    // overlap from which a window is foreground
  optional float bg_threshold = 8 [default = 0.5];    // overlap below which it is background
  optional float fg_fraction = 9 [default = 0.25];    // of a batch that is foreground
  optional uint32 context_pad = 10 [default = 0];     // pixels around every window
  optional string crop_mode = 11 [default = "warp"];  // warp or square
  optional bool cache_images = 12 [default = false];
  optional string root_folder = 13 [default = ""];
}

// ---- Older formats, upgraded when read -----------------------------------------------

// The layer format of 2014: `layers { type: CONVOLUTION }`. VGG-16 was released in it.
message V1LayerParameter {
  enum LayerType {
    NONE = 0; ABSVAL = 35; ACCURACY = 1; ARGMAX = 30; BNLL = 2; CONCAT = 3; CONTRASTIVE_LOSS = 37;
    CONVOLUTION = 4; DATA = 5; DECONVOLUTION = 39; DROPOUT = 6; DUMMY_DATA = 32; EUCLIDEAN_LOSS = 7;
    ELTWISE = 25; EXP = 38; FLATTEN = 8; HDF5_DATA = 9; HDF5_OUTPUT = 10; HINGE_LOSS = 28; IM2COL = 11;
    IMAGE_DATA = 12; INFOGAIN_LOSS = 13; INNER_PRODUCT = 14; LRN = 15; MEMORY_DATA = 29;
    MULTINOMIAL_LOGISTIC_LOSS = 16; MVN = 34; POOLING = 17; POWER = 26; RELU = 18; SIGMOID = 19;
    SIGMOID_CROSS_ENTROPY_LOSS = 27; SILENCE = 36; SOFTMAX = 20; SOFTMAX_LOSS = 21; SPLIT = 22; SLICE = 33;
    TANH = 23; WINDOW_DATA = 24; THRESHOLD = 31;
  }
  enum DimCheckMode { STRICT = 0; PERMISSIVE = 1; }
  optional V0LayerParameter layer = 1;  // format of 2013; upgraded when read
  repeated string bottom = 2;
  repeated string top = 3;
  optional string name = 4;
  optional LayerType type = 5;
  repeated BlobProto blobs = 6;
  repeated float blobs_lr = 7;          // lr_mult of each parameter
  repeated float weight_decay = 8;      // decay_mult of each parameter
  optional ConcatParameter concat_param = 9;
  optional ConvolutionParameter convolution_param = 10;
  optional DataParameter data_param = 11;
  optional DropoutParameter dropout_param = 12;
  optional HDF5DataParameter hdf5_data_param = 13;
  optional HDF5OutputParameter hdf5_output_param = 14;
  optional ImageDataParameter image_data_param = 15;
  optional InfogainLossParameter infogain_loss_param = 16;
  optional InnerProductParameter inner_product_param = 17;
  optional LRNParameter lrn_param = 18;
  optional PoolingParameter pooling_param = 19;
  optional WindowDataParameter window_data_param = 20;
  optional PowerParameter power_param = 21;
  optional MemoryDataParameter memory_data_param = 22;
  optional ArgMaxParameter argmax_param = 23;
  optional EltwiseParameter eltwise_param = 24;
  optional ThresholdParameter threshold_param = 25;
  optional DummyDataParameter dummy_data_param = 26;
  optional AccuracyParameter accuracy_param = 27;
  optional HingeLossParameter hinge_loss_param = 29;
  optional ReLUParameter relu_param = 30;
  optional SliceParameter slice_param = 31;
  repeated NetStateRule include = 32;
  repeated NetStateRule exclude = 33;
  optional MVNParameter mvn_param = 34;
  repeated float loss_weight = 35;
  optional TransformationParameter transform_param = 36;
  optional TanHParameter tanh_param = 37;
  optional SigmoidParameter sigmoid_param = 38;
  optional SoftmaxParameter softmax_param = 39;
  optional ContrastiveLossParameter contrastive_loss_param = 40;
  optional ExpParameter exp_param = 41;
  optional LossParameter loss_param = 42;
  repeated string param = 1001;         // names by which parameters share values
  repeated DimCheckMode blob_share_mode = 1002;
}

// The layer format of 2013: one flat message for every layer type.
message V0LayerParameter {
  enum PoolMethod { MAX = 0; AVE = 1; STOCHASTIC = 2; }
  optional string name = 1;
  optional string type = 2;
  optional uint32 num_output = 3;
  optional bool biasterm = 4 [default = true];
  optional FillerParameter weight_filler = 5;
  optional FillerParameter bias_filler = 6;
  optional uint32 pad = 7 [default = 0];
  optional uint32 kernelsize = 8;
  optional uint32 group = 9 [default = 1];
  optional uint32 stride = 10 [default = 1];
  optional PoolMethod pool = 11 [default = MAX];
  optional float dropout_ratio = 12 [default = 0.5];
  optional uint32 local_size = 13 [default = 5];
  optional float alpha = 14 [default = 1.0];
  optional float beta = 15 [default = 0.75];
  optional string source = 16;
  optional float scale = 17 [default = 1.0];
  optional string meanfile = 18;
  optional uint32 batchsize = 19;
  optional uint32 cropsize = 20 [default = 0];
  optional bool mirror = 21 [default = false];
  optional float k = 22 [default = 1.0];
  repeated BlobProto blobs = 50;
  repeated float blobs_lr = 51;
  repeated float weight_decay = 52;
  optional uint32 rand_skip = 53 [default = 0];
  optional float det_fg_threshold = 54 [default = 0.5];  // det_*: window_data
  optional float det_bg_threshold = 55 [default = 0.5];
  optional float det_fg_fraction = 56 [default = 0.25];
  optional uint32 det_context_pad = 58 [default = 0];
  optional string det_crop_mode = 59 [default = "warp"];
  optional int32 new_num = 60 [default = 0];
  optional int32 new_channels = 61 [default = 0];
  optional int32 new_height = 62 [default = 0];
  optional int32 new_width = 63 [default = 0];
  optional bool shuffle_images = 64 [default = false];
  optional uint32 concat_dim = 65 [default = 1];
  optional HDF5OutputParameter hdf5_output_param = 1001;
}
"""
