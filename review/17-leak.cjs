const {s,fs,dir,ls,tryit}=require('./h.cjs');
(async()=>{const d=dir();const c=new AbortController();const log=(n,p)=>p.then(()=>console.log(n,'ok'),e=>{console.log(n,e.name,e.code,e.message,ls(d));throw e});
const A=log('A',s.swapFile(d+'/a',{data:'1',signal:c.signal,prepare:()=>log('A.b',s.swapFile(d+'/b',{data:'2',signal:c.signal}))}));
const B=log('B',s.swapFile(d+'/b',{data:'1',signal:c.signal,prepare:()=>log('B.a',s.swapFile(d+'/a',{data:'2',signal:c.signal}))}));
setTimeout(()=>c.abort(),500);await Promise.allSettled([A,B]);console.log('settled',ls(d));setTimeout(()=>console.log('later',ls(d)),200)
})()
