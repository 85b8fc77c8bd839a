#!/bin/bash
cd "$(dirname "$0")"; . ../kit.sh
sim
src plan | head -6
bg t1 target run --watch; bg s1 source run --patience 20s; wait $LAST; says t1.out 'restore        blocked'; tail -n 5 s1.out t1.out
TARGET=fixed.toml; tgt run --patience 3s | tail -6
