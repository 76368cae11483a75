const {s,fs,dir,ls}=require('./h.cjs');
(async()=>{const d=dir();fs.writeFileSync(d+'/a','old');
const data=new Uint8Array(8<<20).fill(7);
const p=s.swapFile(d+'/a',{data});
setImmediate(()=>structuredClone(data.buffer,{transfer:[data.buffer]}));
try{console.log(await p)}catch(e){console.log(e.code,e.message)}
console.log('size of target',fs.statSync(d+'/a').size,'expected',8<<20);
const b=new ArrayBuffer(8<<20,{maxByteLength:8<<20});
const q=s.swapFile(d+'/a',{data:b});setTimeout(()=>b.resize(1000),1);
try{console.log(await q)}catch(e){console.log(e.code,e.message)}
console.log('resizable: size of target',fs.statSync(d+'/a').size);
try{console.log(await s.swapFile(d+'/a',{data:new Uint8Array(new SharedArrayBuffer(10))}))}catch(e){console.log('SAB',e.name,e.code,e.message)}
try{console.log(await s.swapFile(d+'/a',{data:new SharedArrayBuffer(10)}))}catch(e){console.log('SAB raw',e.name,e.code,e.message)}
console.log(ls(d));
})()
