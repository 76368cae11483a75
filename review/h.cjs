const fs=require('fs'),path=require('path'),os=require('os');
const s=require('/tmp/s2/r7/main/dist/swap.js');
let n=0;
exports.s=s;exports.fs=fs;exports.path=path;
exports.dir=()=>fs.mkdtempSync('/tmp/s2/r7/t/d-');
exports.ls=d=>fs.readdirSync(d).sort();
exports.tryit=async(name,p)=>{const t=Date.now();let r;try{r=await Promise.race([p,new Promise(r=>setTimeout(()=>r('HANG(10s)'),10000).unref())]);console.log(name,'=>',JSON.stringify(r))}catch(e){console.log(name,'=> ERR',e.name,e.code,e.step,e.errno,e.committed,'|',e.message)}};
