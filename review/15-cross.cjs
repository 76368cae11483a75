const {s,fs,dir,ls,tryit}=require('./h.cjs');
(async()=>{const d=dir();const c=new AbortController();
const A=s.swapFile(d+'/a',{data:'1',signal:c.signal,prepare:()=>s.swapFile(d+'/b',{data:'2',signal:c.signal})});
const B=s.swapFile(d+'/b',{data:'1',signal:c.signal,prepare:()=>s.swapFile(d+'/a',{data:'2',signal:c.signal})});
setTimeout(()=>c.abort(),3000);await tryit('A',A);await tryit('B',B);console.log(ls(d));
// spellings occupy the pool
const d2=dir();let rel;const first=s.swapFile(d2+'/a',{data:'1',prepare:()=>new Promise(r=>rel=r)});
const others=[];for(let i=1;i<64;i++)others.push(s.swapFile(d2+'/'+'./'.repeat(i)+'../'.repeat(0)+(i?'sub'.slice(0,0):'')+'a',{data:'x'}));
const r=await Promise.race([s.swapFile(d2+'/unrelated',{data:'x'}).then(()=>'ok'),new Promise(r=>setTimeout(r,3000,'UNRELATED SWAP BLOCKED'))]);console.log('63 spellings wait;',r);rel();await Promise.all([first,...others]);console.log(ls(d2));process.exit()
})()
