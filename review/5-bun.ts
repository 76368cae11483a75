import {Database} from 'bun:sqlite';const cp=require('child_process');const {s,dir}=require('./h.cjs');
for (const act of ['none','fsyncFile','skipIfSame']){
const d=dir(),f=d+'/x.db';const db=new Database(f);db.run('create table t(x)');db.run('begin immediate');db.run('insert into t values(1)');
if(act==='fsyncFile')await s.fsyncFile(f);
if(act==='skipIfSame')await s.swapFile(d+'/copy',{source:f});
console.log(act,cp.spawnSync('python3',['-c',`
import sqlite3
c=sqlite3.connect("${f}",timeout=0.2,isolation_level=None)
try:
  c.execute("begin immediate"); c.execute("insert into t values(99)"); c.execute("commit"); print("OTHER PROCESS COMMITTED BESIDE OUR WRITE TRANSACTION")
except Exception as e: print("other process refused:",e)`]).stdout.toString().trim());
try{db.run('commit')}catch(e){console.log(String(e))}}
