// Two copies of the addon in one process (two versions of us): registry is per copy.
const fs=require('fs');const cp=require('child_process');const {dir}=require('./h.cjs');
const R='/tmp/s2/r7/t/copy';if(!fs.existsSync(R)){fs.mkdirSync(R);cp.execSync(`cp -r /tmp/s2/r7/main/dist /tmp/s2/r7/main/binding.js /tmp/s2/r7/main/package.json /tmp/s2/r7/main/latchdb.linux-x64-gnu.node ${R}/ && ln -s /tmp/s2/r7/main/node_modules ${R}/node_modules`)}
const one=require('/tmp/s2/r7/main/dist/index.js'),two=require(R+'/dist/swap.js');
(async()=>{const f=dir()+'/x.db';const c=one.createClient({url:'file:'+f});await c.execute('create table t(x)');const tx=await c.transaction('write');await tx.execute('insert into t values(1)');
try{await two.fsyncFile(f);console.log('allowed')}catch(e){console.log(e.code)}
console.log(cp.spawnSync('python3',['-c',`
import sqlite3
c=sqlite3.connect("${f}",timeout=0.2,isolation_level=None)
try:
  c.execute("begin immediate"); c.execute("insert into t values(99)"); c.execute("commit"); print("OTHER PROCESS COMMITTED")
except Exception as e: print("refused:",e)`]).stdout.toString());try{await tx.commit()}catch(e){console.log(e.message)}c.close()})()
