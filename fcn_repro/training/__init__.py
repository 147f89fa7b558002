"""Training runs: a solver that steps, its log, snapshots to resume from, and a score after every round.

trainer             start here: `solve` trains an experiment in its folder
recipe              length and initial weights of a run
checkpoint          write a snapshot that resumes bit-exactly, and restore it; checkpoint_files lists and prunes them
data_parallel       the solver of a run, and its synchronisation over ranks
divergence          detect NaN, exploding and stalled losses
loss_scale          learning rates of a summed loss in terms of an averaged one
run_records         what a run writes as it trains: train_log (log.csv), tensorboard, prediction_sheet
round_evaluation    score the weights at the end of a round
final_weights       export the best scored snapshot
run_status          how far a run has come

An interrupted run resumes bit-exactly, after signals, kills and full disks. The folder's files hold the whole state.
"""
