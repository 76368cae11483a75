L="node /tmp/s2/r7/main/dist/cli/main.js"; d=$(mktemp -d /tmp/s2/r7/t/cli-XXXX); cd $d
run(){ echo "\$ $*" | cut -c1-150; timeout 20 "$@" 2>&1 | cut -c1-220; echo "  -> ${PIPESTATUS[0]} [$(ls -A | tr '\n' ' ')]"; }
echo src>s; 
run $L swap s t; run $L swap s t --json; run $L swap no t --json; run $L swap s nod/t; run $L swap; run $L swap s t --mode 9; run $L swap s t --durability x; run $L swap s t --prepare 'true'; run $L swap s t --prepare 'echo hi {}; exit 7'; run $L swap s t --prepare 'echo hi {}' --json; run $L swap s t --retry x;run $L
mkdir "a b'c;touch INJ\$(touch INJ2)\"q"; run $L swap s "a b'c;touch INJ\$(touch INJ2)\"q/t" --prepare 'printf x >> {}'; cat "a b'c;touch INJ\$(touch INJ2)\"q/t"; ls
echo "--- quoted {} by the user"; mkdir 'x;touch INJ3;'; run $L swap s 'x;touch INJ3;/t' --prepare "cat '{}'"; run $L swap s 'x;touch INJ3;/t' --prepare 'cat "{}"'; ls
run $L swap s t --prepare 'kill -9 $$ {}'; run $L swap -- s t; run $L swap s t --skip-if-same; run $L swap s -t
echo '--- signals'; for sig in INT TERM HUP; do $L swap s t --prepare 'sleep 3; echo late > {}' --json & p=$!; sleep 0.6; kill -$sig $p; wait $p; echo "exit $? $(ls -A|tr '\n' ' ')"; done; sleep 3; echo "later: $(ls -A|tr '\n' ' ')"
head -c 50000000 /dev/zero>big; script -qc "$L swap big t2" /dev/null | tr '\r' '\n' | tail -3 | cat -v | cut -c1-200
$L swap s t >/dev/full; echo full $?
