const {s,fs,dir,ls,tryit}=require('./h.cjs');const cp=require('child_process');
const {createClient}=require('/tmp/s2/r7/main/dist/index.js');
const other=(db)=>cp.spawnSync('python3',['-c',`
import sqlite3
c=sqlite3.connect("${db}",timeout=0.2,isolation_level=None)
try:
  c.execute("begin immediate"); c.execute("insert into t values(99)"); c.execute("commit"); print("OTHER COMMITTED")
except Exception as e: print("refused:",e)`]).stdout.toString().trim();
(async()=>{const d=dir(),db=d+'/x.db';fs.symlinkSync('x.db',d+'/sl');
const c=createClient({url:'file:'+db});await c.execute('create table t(x)');fs.linkSync(db,d+'/hl');fs.writeFileSync(d+'/n','x');
const tx=await c.transaction('write');await tx.execute('insert into t values(1)');
for(const p of ['x.db','sl','hl'])for(const [n,f] of [['swap',p=>s.swapFile(p,{data:'n'})],['swap skip',p=>s.swapFile(p,{data:'n',skipIfSame:true})],['source',p=>s.swapFile(d+'/n2',{source:p})],['fsync',p=>s.fsyncFile(p)],['ren from',p=>s.renameDurably(p,d+'/m')],['ren to',p=>s.renameDurably(d+'/n',p)],['rm',p=>s.removeWithRetry(p)]]){let r;try{r='ALLOWED '+JSON.stringify(await f(d+'/'+p))}catch(e){r=e.code}console.log(p,n,r);}
console.log(other(db));
// opened as database in prepare, of target and of staging
c.close();
let c2;const tr=await tryit('staging opened+closed as db in prepare',s.swapFile(d+'/y.db',{source:db,prepare:async p=>{c2=createClient({url:'file:'+p});await c2.execute('insert into t values(5)');c2.close()}}));console.log(ls(d));
await tryit('staging left open as db',s.swapFile(d+'/y.db',{source:db,prepare:async p=>{c2=createClient({url:'file:'+p});await c2.execute('insert into t values(5)')}}));console.log(ls(d));c2.close();
await tryit('staging wal left by other process',s.swapFile(d+'/y.db',{source:db,prepare:p=>{cp.spawnSync('python3',['-c',`
import sqlite3,os
c=sqlite3.connect("${p}",isolation_level=None); c.execute("pragma journal_mode=wal"); c.execute("insert into t values(7)"); os.kill(os.getpid(),9)`])}}));console.log(ls(d));
await tryit('next',s.swapFile(d+'/y.db',{data:'z'}));console.log(ls(d));
})()
