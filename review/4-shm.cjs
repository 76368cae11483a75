// fsyncFile / swapFile source on the -shm of a database that is open here: SQLite's WAL locks live on that file.
const {s,fs,dir,ls}=require('./h.cjs');const cp=require('child_process');
const {createClient}=require('/tmp/s2/r7/main/dist/index.js');
const other=(db)=>cp.spawnSync('python3',['-c',`
import sqlite3
c=sqlite3.connect("${db}",timeout=0.2,isolation_level=None)
try:
  c.execute("begin immediate"); c.execute("insert into t values(99)"); c.execute("commit"); print("OTHER PROCESS COMMITTED BESIDE OUR WRITE TRANSACTION")
except Exception as e: print("other process refused:",e)`]).stdout.toString().trim();
(async()=>{
 for(const [name,act] of [['control',async()=>{}],['fsyncFile(-shm)',db=>s.fsyncFile(db+'-shm')],['swapFile source -shm',db=>s.swapFile(db+'.copy',{source:db+'-shm'})],['fsyncFile(-wal)',db=>s.fsyncFile(db+'-wal')],['fsyncFile(db)',db=>s.fsyncFile(db)],['swapFile(target=-wal)',db=>s.swapFile(db+'-wal',{data:'x'})],['removeWithRetry(-wal)',db=>s.removeWithRetry(db+'-wal')],['renameDurably(-shm)',db=>s.renameDurably(db+'-shm',db+'.moved')]]){
  const d=dir(),db=d+'/x.db';
  const c=createClient({url:'file:'+db});
  await c.execute('pragma journal_mode=wal');await c.execute('create table t(x)');
  const tx=await c.transaction('write');await tx.execute('insert into t values(1)');
  let r;try{r=await act(db);r='allowed '+(JSON.stringify(r)??'')}catch(e){r='refused '+e.code}
  console.log(name,':',r,'|',other(db));
  try{await tx.commit();}catch(e){console.log('  our commit:',e.message)}
  c.close();
  console.log('   rows after:',cp.spawnSync('python3',['-c',`
import sqlite3
c=sqlite3.connect("${db}")
try: print(c.execute("select * from t").fetchall(), c.execute("pragma integrity_check").fetchall())
except Exception as e: print(repr(e))`]).stdout.toString().trim());
 }
})()
