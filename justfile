# `just` lists these recipes.

_default:
    @just --list

# Run every check that a change has to pass
ci:
    .ci/run

# Run all tests, including those with the real client if it is installed
test:
    cargo test

# Measure how long a hook call takes, compared with other programs
latency:
    cargo bench --bench latency

# Build a release in dist/
release:
    scripts/release

# Make the whole plugin in dist/plugin
plugin:
    scripts/plugin
