#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs what building and testing grf-bpf needs on Debian or Ubuntu. Go is installed only where
# there is none: it is needed by the demo and the tests, not by grf-bpf.
set -eu

if ! command -v apt-get >/dev/null; then
	echo "make deps knows apt-get only; install by hand: clang, llvm, bpftool, libbpf, libelf," \
		"libdw, zlib, zstd, protobuf-c, libseccomp, jansson, cmocka, uthash, python3-pytest, gdb, Go" >&2
	exit 1
fi
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo

packages="gcc make pkg-config clang llvm clang-format clang-tidy libbpf-dev libelf-dev libdw-dev
zlib1g-dev libzstd-dev libprotobuf-c-dev protobuf-c-compiler libseccomp-dev libjansson-dev libcmocka-dev uthash-dev
linux-libc-dev ca-certificates python3 python3-pytest python3-pytest-xdist python3-jsonschema gdb procps lld mold binutils"
command -v go >/dev/null || [ -x /usr/local/go/bin/go ] || packages="$packages golang-go"

missing=
for package in $packages; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
		missing="$missing $package"
done
# bpftool is a package of its own on Debian, and part of the kernel's tools on Ubuntu.
if [ ! -x /usr/sbin/bpftool ] && ! command -v bpftool >/dev/null; then
	missing="$missing BPFTOOL"
fi
# The runtime libraries of clang's sanitizers and of libFuzzer, for make fuzz: a package of its own on
# newer releases.
if ! ls "$(clang -print-resource-dir 2>/dev/null)"/lib/linux/libclang_rt.fuzzer-* >/dev/null 2>&1; then
	missing="$missing FUZZER"
fi
[ -n "$missing" ] || exit 0

export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q
# What is older lacks calls of libbpf, and the kernel headers that go with them (bpf_iter_link_info).
libbpf=$(apt-cache policy libbpf-dev | sed -n 's/^ *Candidate: \([0-9].*\)/\1/p')
if [ -n "$libbpf" ] && dpkg --compare-versions "$libbpf" lt 1:1.0; then
	echo "libbpf $libbpf is too old: grf-bpf builds on Debian 12, Ubuntu 24.04 and later" >&2
	exit 1
fi
if apt-cache show bpftool >/dev/null 2>&1; then
	missing=$(echo "$missing" | sed 's/BPFTOOL/bpftool/')
else
	missing=$(echo "$missing" | sed 's/BPFTOOL/linux-tools-common linux-tools-generic/')
fi
if apt-cache show libclang-rt-dev >/dev/null 2>&1; then
	missing=$(echo "$missing" | sed 's/FUZZER/libclang-rt-dev/')
else
	missing=$(echo "$missing" | sed 's/FUZZER//')
fi
[ -n "${missing# }" ] || exit 0
# shellcheck disable=SC2086 # a list of words
$sudo apt-get install -q -y --no-install-recommends $missing
