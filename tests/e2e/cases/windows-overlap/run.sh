#!/bin/bash
cd "$(dirname "$0")"; . ../kit.sh
sim
a rds modify-db-instance --region ap-northeast-1 --db-instance-identifier orders --preferred-backup-window 04:00-04:30 --preferred-maintenance-window mon:10:00-mon:10:30 --apply-immediately --query DBInstance.PreferredBackupWindow --output text
bg t1 target run --watch; T=$LAST; bg s1 source run --patience 20s; wait $LAST; says t1.out 'configure      blocked'; tail -6 t1.out; stop $T
TARGET=fixed.toml; tgt run --patience 3s | tail -8
