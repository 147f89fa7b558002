"""RNN, LSTM and LSTMUnit of Caffe's catalogue chapter `recurrent`."""
