# The two commands of the README are `make run` and `make test`; each sets up .venv by itself.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := netlab twisted tests tac bench

.PHONY: run test lint obligations bench clean

run: .venv/run
	@echo
	@echo 'The laboratory starts. Ctrl-C stops it. In another terminal, from this folder, try:'
	@echo
	@echo '  web        http://127.0.0.1:8080/            (or: curl -i http://127.0.0.1:8080/)'
	@echo '             $(BIN)/python -m netlab.clients http 127.0.0.1 8080 index.html'
	@echo '  ping       $(BIN)/python -m netlab.clients ping 127.0.0.1 12000'
	@echo '  heartbeat  $(BIN)/python -m netlab.clients heartbeat 127.0.0.1 13000'
	@echo '             who is alive: http://127.0.0.1:8081/'
	@echo
	@$(BIN)/twistd --nodaemon --pidfile= --python tac/lab.tac

test: .venv/test
	$(BIN)/python -m coverage erase
	$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=95

lint: .venv/test
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

# Every obligation of an HTTP/1.1 origin server of files, kept or not, as a table.
obligations: .venv/test
	$(BIN)/python -m tests.obligations

# The web server beside others, on this machine; needs wrk and nginx (apt-get install wrk nginx-light).
bench: .venv/bench
	$(BIN)/python -m bench.http

clean:
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'netlab needs Python 3.11 or newer; name one with: make PYTHON=python3.11 run'; exit 1; }
	@$(PYTHON) -m venv .venv \
	  || { echo 'There is no venv in this Python; on Debian: apt-get install python3-venv'; exit 1; }
	@touch $@

.venv/run: .venv/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/test: .venv/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,dev]'
	@touch $@ .venv/run

.venv/bench: .venv/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@ .venv/run
