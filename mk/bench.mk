# Measurements and comparisons with other programs; see bench/README.md.

BENCH_VENV := build/bench/venv
BENCH_PEERS := peers $(if $(QUICK),,grad-cam)
BENCH_LITERT := build/bench/litert
BENCH_TIMM := build/bench/timm
# Made by bench/trixie.sh: Debian 13's XNNPACK.
TRIXIE ?= $(wildcard /var/tmp/wherefore-bench)
BENCH_BIN := $(patsubst %.c,$B/%,$(wildcard bench/*.c))

# They are no tests, but have to compile.
unit-build: $(if $(SANITIZE),,$(BENCH_BIN))

.PHONY: bench
bench: build model $(BENCH_BIN) $(BENCH_PEERS:%=$(BENCH_VENV)/%.ok) \
       $(if $(QUICK),,$(BENCH_LITERT)/$(MODEL).tflite $(BENCH_TIMM)/ok)
bench: ## measure and compare with others: QUICK=1, TRIXIE=FOLDER; see bench/
	@tools/deps.sh bench
	@bench/run $(if $(QUICK),--quick) $(if $(TRIXIE),--root $(TRIXIE))

.PHONY: accuracy
accuracy: build $(VENV)/tests.ok ## write the tables of docs/accuracy.md: DATA=FILE.csv with boxes, CLASSES=FILE.csv, ONLY=sets,heads
	@test -n "$(DATA)" || { echo "say DATA=FILE.csv: photos with classes and boxes (docs/accuracy.md)" >&2; exit 2; }
	@$(MAKE) MODEL=efficientnet-lite0 model
	@$(MAKE) MODEL=efficientnet-lite1 model
	@$(MAKE) MODEL=efficientnet-lite2 model
	@$(PY) tools/accuracy.py $(DATA) $(if $(CLASSES),--classes $(CLASSES)) $(if $(ONLY),--only $(ONLY))

$(BENCH_BIN): $B/bench/%: $B/obj/bench/%.o $B/libengine.a $B/flags
	@mkdir -p $(@D)
	$(call quiet,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS)

# The services and engines that bench/ compares with. Everything is pinned, and
# nothing brings along what it depends on: PyTorch's would be a CUDA.
$(BENCH_VENV)/bin/python:
	$(call quiet,VENV,$(BENCH_VENV))$(PYTHON) -m venv --clear $(BENCH_VENV)
$(BENCH_VENV)/peers.ok: bench/peers/requirements.txt | $(BENCH_VENV)/bin/python
$(BENCH_VENV)/grad-cam.ok: bench/peers/grad-cam/requirements.txt | $(BENCH_VENV)/peers.ok
$(BENCH_VENV)/%.ok:
	$(call quiet,PIP,$@)$(BENCH_VENV)/bin/python -m pip install -q --no-deps -r $<
	@touch $@

# What only converts, in environments that see the peers' one behind their own.
$(BENCH_LITERT)/ok $(BENCH_TIMM)/ok: build/bench/%/ok: bench/peers/%/requirements.txt | $(BENCH_VENV)/grad-cam.ok
	$(call quiet,PIP,$@)$(PYTHON) -m venv --clear $(@D)
	@$(BENCH_VENV)/bin/python -c 'import site; print(site.getsitepackages()[0])' \
		> "$$($(@D)/bin/python -c 'import site; print(site.getsitepackages()[0])')"/peers.pth
	@$(@D)/bin/python -m pip install -q --no-deps -r $<
	@touch $@
$(BENCH_LITERT)/%.tflite: bench/peers/litert_model.py $(BENCH_LITERT)/ok | model
	$(call quiet,GEN,$@)$(BENCH_LITERT)/bin/python $< models/$* $@ > $(@D)/$*.log 2>&1
