# make demo         an example observatory in demo/, with its pages
# make test         the tests, except the long ones
# make test-long    the long tests: sweeps, random walks, many kills, heavy servers
# make test-oldest  all tests, with the oldest packages that setup.cfg allows
# make coverage     all tests, with the lines and branches that they run: fails below 95 %
# make mutants      check that tests notice changes of the code (an hour; docs/quality.md)
# make bench        the cost of a run, compared with the machine's own (benchmarks/README.md)
# make pictures     the pictures in README.md, from the example's pages
# make docs         the documentation as a site, in build/docs
# make lint         ruff, mypy, the layers of the packages, and the types of the JavaScript
# make clean        remove what the others made, except .venv (make distclean removes that too)
#
# You need Python 3.11 or newer, pip and make. With another Python: make test PYTHON=python3.13

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# Processes that run tests, each with its own servers and browser. The tests of a file stay together,
# because they share fixtures. Files keep their order: the long ones are not last.
WORKERS ?= 2
SPREAD := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
BENCH_ARGS ?=
MUTANTS_ARGS ?=
OLDEST := .venv-oldest

SCRIPT_TYPES := tests/support/js

.PHONY: demo test test-long test-oldest coverage mutants bench pictures docs lint script-types \
    clean distclean debian
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	$(BIN)/python examples/make_observatory.py demo

test: $(VENV)/installed-test debian
	$(BIN)/python -m pytest -m "not long" $(SPREAD) $(PYTEST_ARGS)

test-long: $(VENV)/installed-test debian
	$(BIN)/python -m pytest -m long $(SPREAD) $(PYTEST_ARGS)

# Old packages may warn about things that newer versions fixed.
test-oldest: $(OLDEST)/installed debian
	$(OLDEST)/bin/python -m pytest -W ignore::DeprecationWarning -W ignore::FutureWarning $(SPREAD) $(PYTEST_ARGS)

coverage: $(VENV)/installed-test debian
	$(BIN)/python -m pytest --cov --cov-report=term $(SPREAD) $(PYTEST_ARGS)

mutants: $(VENV)/installed-test
	$(BIN)/python -m mutmut run $(MUTANTS_ARGS)
	$(BIN)/python -m mutmut results

bench: $(VENV)/installed-test
	$(BIN)/python benchmarks/bench.py $(BENCH_ARGS)

pictures: $(VENV)/installed-test demo
	$(BIN)/python examples/take_pictures.py demo/site docs/pictures

# Nothing is downloaded: fonts, scripts and the search are in the site. The variable turns off a notice of the theme's.
docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "The documentation: file://$(CURDIR)/build/docs/index.html"

lint: $(VENV)/installed-test script-types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports setup.cfg

# Only lint needs node and npm. Without them it says so; with OBSMON_REQUIRE=all it fails.
script-types:
	@if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; then \
	    $(MAKE) --silent --no-print-directory $(SCRIPT_TYPES)/node_modules/installed && \
	    echo "tsc --project $(SCRIPT_TYPES)" && \
	    $(SCRIPT_TYPES)/node_modules/.bin/tsc --project $(SCRIPT_TYPES); \
	else \
	    echo "make lint: node or npm is missing; types in templates/assets/js are not checked"; \
	    [ "$$OBSMON_REQUIRE" != all ]; \
	fi

$(SCRIPT_TYPES)/node_modules/installed: $(SCRIPT_TYPES)/package-lock.json
	npm ci --prefix $(SCRIPT_TYPES) --no-audit --no-fund --loglevel=error
	@touch $@

clean:
	rm -rf demo build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .coverage .hypothesis mutants
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) $(OLDEST) $(SCRIPT_TYPES)/node_modules

# Debian splits ensurepip from Python (package python3-venv); where it lacks, the machine's own pip fills the environment.
$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is not there or older than 3.11; name a newer one: make $(MAKECMDGOALS) PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >$(VENV).log 2>&1 || { \
	    $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	    $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; } >>$(VENV).log 2>&1 || { \
	    cat $(VENV).log >&2; rm -rf $(VENV) $(VENV).log; \
	    echo "$(PYTHON) can't make $(VENV); on Debian: apt-get install python3-venv" >&2; exit 1; }
	@rm -f $(VENV).log
	@touch $@

# Stamps: installed once, and again only when the lists of packages change. setuptools warns of every editable installation.
$(VENV)/installed: $(VENV)/made setup.cfg pyproject.toml
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --editable '.[previews]'
	@touch $@

$(VENV)/installed-test: $(VENV)/made setup.cfg pyproject.toml
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --editable '.[test,docs]'
	@touch $(VENV)/installed $(VENV)/installed-docs $@

$(VENV)/installed-docs: $(VENV)/made setup.cfg pyproject.toml
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $(VENV)/installed $@

# The lowest versions that setup.cfg's bounds allow, of what is compiled the lowest that comes so; what these need in turn is of today. With pip: tests install.
COMPILED := astropy ephem fitsio greenlet msgspec numpy pandas pillow psycopg2-binary pyarrow pyyaml

$(OLDEST)/installed: $(VENV)/installed-test
	$(BIN)/uv venv --quiet --clear --seed --python $(BIN)/python $(OLDEST)
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --python $(OLDEST)/bin/python $(addprefix --only-binary ,$(COMPILED)) \
	    --extra test setup.cfg --output-file $(OLDEST)/requirements.txt
	$(BIN)/uv pip install --quiet --python $(OLDEST)/bin/python --requirements $(OLDEST)/requirements.txt
	@touch $@

# Programs of Debian's that tests use: installed where that can be done, named where not.
debian:
	@missing() { \
	    for pair in rsync:rsync chromium:chromium postgresql:/usr/lib/postgresql mariadb-server:mariadbd etcd-server:etcd \
	        nginx-light:/usr/sbin/nginx apache2-bin:/usr/sbin/apache2 systemd:systemd-analyze \
	        bindfs:bindfs radosgw:radosgw ceph-mon:ceph-mon ceph-osd:ceph-osd; do \
	        command -v $${pair#*:} >/dev/null 2>&1 || [ -d $${pair#*:} ] || printf ' %s' $${pair%:*}; \
	    done; }; \
	if [ -n "$$(missing)" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $$(missing) >/dev/null || true; \
	fi; \
	if [ -n "$$(missing)" ]; then echo "make test: not on this machine:$$(missing); the tests that need them are skipped"; fi
