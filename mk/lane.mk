# The lane-change example; see docs/lane-change.md.

##@ Show it

LANE := examples/lane-change
LANE_SOURCES := $(filter-out %/figures.py,$(wildcard $(LANE)/*.py))
LANE_OUT := build/lane-change
LANE_MODEL := $(LANE)/model

.PHONY: lane-change lane-change-figures lane-change-train

lane-change: ## draw the lane-change example, evaluate its network, and serve it on LISTEN
	@$(MAKE) deps
	@$(MAKE) lane-change-figures $(LANE_OUT)/film/truth.csv
	@echo "open http://$(LISTEN)/#film"
	@exec $B/wherefore serve --listen $(LISTEN) --model $(LANE_MODEL) --film $(LANE_OUT)/film/frames

lane-change-figures: $(LANE_OUT)/results/report.json ## the same without serving it
	@$(PY) $(LANE)/figures.py $(LANE_OUT)/results/photos.csv

# Unchanged sources make the same frames, so a second run draws none.
$(LANE_OUT)/held-out/truth.csv: $(LANE_SOURCES) | $(VENV)/$(LANE).ok
	$(call quiet,GEN,$(@D))$(PY) $(LANE)/generate.py $(@D)
$(LANE_OUT)/film/truth.csv: $(LANE_SOURCES) | $(VENV)/$(LANE).ok
	$(call quiet,GEN,$(@D))$(PY) $(LANE)/generate.py --film $(@D)

$(LANE_OUT)/results/report.json: $(LANE_OUT)/held-out/truth.csv $(LANE_MODEL)/model.onnx $B/wherefore
	$(call quiet,EVAL,$<)$B/wherefore eval --restart --model $(LANE_MODEL) --out $(@D) $< > $(@D).txt
	@touch $@

# Sequences of one seed are few; the figures differ from seed to seed.
.PHONY: lane-change-seeds
LANE_SEEDS := 1 2 3 4 5
lane-change-seeds: $(LANE_SEEDS:%=$(LANE_OUT)/seeds/seed-%/photos.csv) ## evaluate the network on held-out sequences of each of LANE_SEEDS
	@$(PY) $(LANE)/figures.py $^

.PRECIOUS: $(LANE_OUT)/seeds/%/truth.csv
$(LANE_OUT)/seeds/%/truth.csv: $(LANE_SOURCES) | $(VENV)/$(LANE).ok
	$(call quiet,GEN,$(@D))$(PY) $(LANE)/generate.py --seed $* $(@D)
$(LANE_OUT)/seeds/seed-%/photos.csv: $(LANE_OUT)/seeds/%/truth.csv $(LANE_MODEL)/model.onnx $B/wherefore
	$(call quiet,EVAL,$<)$B/wherefore eval --restart --model $(LANE_MODEL) --out $(@D) $< > /dev/null

# Another network: some minutes, with PyTorch (bench/peers/requirements.txt).
lane-change-train: build ## train another network for the lane-change example into build/: needs PyTorch
	@rm -rf $(LANE_OUT)/model && mkdir -p $(LANE_OUT)
	@$(BENCH_VENV)/bin/python tools/lane_change_train.py --program $B/wherefore $(LANE_OUT)/model

# For comparison: a head for the three labels on a network that knows no roads.
.PHONY: lane-change-fit
lane-change-fit: $(LANE_OUT)/held-out/truth.csv $B/wherefore models/efficientnet-lite0/model.json ## fit a head on EfficientNet-Lite0 to the same task, and evaluate it
	@test -e $(LANE_OUT)/few/truth.csv || $(PY) $(LANE)/generate.py --seed 100 --sequences 100 --frames 4 --every 10 $(LANE_OUT)/few
	@$B/wherefore fit $(LANE_OUT)/few/truth.csv --force --base models/efficientnet-lite0 --to $(LANE_OUT)/fitted
	@$B/wherefore eval --restart --model $(LANE_OUT)/fitted --out $(LANE_OUT)/results-fitted $< > $(LANE_OUT)/results-fitted.txt
	@$(PY) $(LANE)/figures.py $(LANE_OUT)/results-fitted/photos.csv
