# errors injected: target untouched, no leftovers
cat > one.cjs <<'J'
const s=require('/tmp/s2/r7/main/dist/swap.js');const d=process.argv[2];
s.swapFile(d+'/a',{source:d+'/s',prepare:process.argv[3]?()=>{}:undefined}).then(r=>console.log('ok'),e=>console.log(e.code,e.step,e.errno,e.committed))
J
try(){ for n in $3; do d=$(mktemp -d inj-XXXX); echo old>$d/a; echo new>$d/s; out=$(timeout 20 strace -f -o /dev/null -P $PWD/$d -P $PWD/$d/a -P $PWD/$d/s -P $PWD/$d/.swap-lock-a -e inject=$1:$2:when=$n node one.cjs $PWD/$d $4 2>&1|tail -1); echo "$1 $2 #$n: $out | a=$(cat $d/a 2>/dev/null) | $(ls -A $d|tr '\n' ' ')"; done; }
try flock error=ENOLCK 1; try flock error=EINTR 1; try fsync error=EIO 1 ; try openat error=EMFILE "1 2 3 4 5 6"; try rename error=EBUSY 1; try getdents64 error=EIO 1; try unlink error=EACCES 1
# all paths (staging has a random name): inject unfiltered where the call is rare
tryall(){ for n in $3; do d=$(mktemp -d inj-XXXX); echo old>$d/a; echo new>$d/s; out=$(timeout 20 strace -f -o /dev/null -e inject=$1:$2:when=$n node one.cjs $PWD/$d $4 2>&1|tail -1); echo "ALL $1 $2 #$n: $out | a=$(cat $d/a 2>/dev/null) | $(ls -A $d|tr '\n' ' ')"; done; }
tryall fsync error=EIO "1 2"; tryall copy_file_range error=ENOSPC "1 2"; tryall copy_file_range error=EXDEV 1; tryall rename error=EACCES 1; tryall fchmod error=EPERM 1; tryall flock error=ENOLCK 1; tryall copy_file_range error=EISDIR 1; tryall copy_file_range error=EOVERFLOW 1;tryall copy_file_range error=EIO 2
tryall copy_file_range retval=0 1;  tryall flistxattr error=EIO 1;tryall llistxattr error=EACCES 1
# SIGKILL before each
for c in flock copy_file_range fchmod fsync rename unlink; do for n in 1 2; do d=$(mktemp -d inj-XXXX); echo old>$d/a; echo new>$d/s; timeout 20 strace -f -o /dev/null -e inject=$c:signal=KILL:when=$n node one.cjs $PWD/$d >/dev/null 2>&1; l="$(ls -A $d|tr '\n' ' ')"; a=$(cat $d/a); node one.cjs $PWD/$d >/dev/null; echo "KILL $c #$n: a=$a | $l| after next: $(cat $d/a) $(ls -A $d|tr '\n' ' ')"; done; done
# tmpfs full
mkdir -p tm; mount -t tmpfs -o size=3m tm tm && { echo old>tm/a; head -c 6000000 /dev/urandom>six; node -e "const {s,tryit,fs}=require('./h.cjs');(async()=>{await tryit('full src',s.swapFile('tm/a',{source:'six'}));await tryit('full data',s.swapFile('tm/a',{data:fs.readFileSync('six')}));console.log(fs.readdirSync('tm'),fs.readFileSync('tm/a','utf8'))})()"; umount tm; }
