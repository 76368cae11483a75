d=$(mktemp -d /tmp/s2/r7/t/two-XXXX); mkdir $d/sub; ln -s .. $d/sub/up; echo old>$d/a; ln -s a $d/link
for i in 1 2 3 4; do node 7-two.cjs $d 9000 & p[$i]=$!; done
for k in 1 2 3 4 5 6; do sleep 1.2; i=$((RANDOM%4+1)); kill -9 ${p[$i]} 2>/dev/null; node 7-two.cjs $d 8000 & p[$i]=$!; done
wait
echo "violations (holders alive):"; cat $d/VIOLATION 2>/dev/null | head; cat $d/ERR 2>/dev/null | sort | uniq -c | head; wc -c < $d/COUNT
rm -f $d/holder; node -e "require('./h.cjs').s.swapFile('$d/a',{data:'z'}).then(console.log)"; ls -A $d
