# `just` lists these.

_default:
    @just --list

# What has to hold before a change lands
ci:
    .ci/run

# All tests; those with the real client where it is installed
test:
    cargo test

# How long a hook call takes, beside other programs
latency:
    cargo bench --bench latency

# The program to give away, in dist/
release:
    scripts/release

# A folder that is the whole plugin, in dist/plugin
plugin:
    scripts/plugin
