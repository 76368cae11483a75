const {s,fs,dir,ls}=require('./h.cjs');const {monitorEventLoopDelay}=require('perf_hooks');
(async()=>{let d=dir();fs.writeFileSync(d+'/a','old');
let t=Date.now();await Promise.all(Array.from({length:200},(_,i)=>s.swapFile(d+'/a',{data:'v'+i})));console.log('200 on one',Date.now()-t,'ms',fs.readFileSync(d+'/a','utf8'),ls(d));
t=Date.now();await Promise.all(Array.from({length:200},(_,i)=>s.swapFile(d+'/f'+i,{data:'v'+i})));console.log('200 on 200',Date.now()-t,'ms',ls(d).length);
const gap=async(n,f)=>{let max=0,last=performance.now();const iv=setInterval(()=>{const now=performance.now();max=Math.max(max,now-last);last=now},1);await f();await new Promise(r=>setTimeout(r,5));clearInterval(iv);console.log('gap',n,max.toFixed(1),'ms')};
const big=Buffer.alloc(200<<20,1);await gap('bytes 200MB',()=>s.swapFile(d+'/big',{data:big,durability:'none'}));
const str='x'.repeat(200<<20);await gap('string 200MB',()=>s.swapFile(d+'/big',{data:str,durability:'none'}));
await gap('stream one 200MB chunk',()=>s.swapFile(d+'/big',{data:(async function*(){yield big})(),durability:'none'}));
await gap('source 200MB',()=>s.swapFile(d+'/big2',{source:d+'/big',durability:'none'}));
await gap('many tiny',()=>s.swapFile(d+'/t',{data:(async function*(){for(let i=0;i<50000;i++)yield 'a'})(),durability:'none'}));
fs.rmSync(d+'/big');fs.rmSync(d+'/big2');
globalThis.gc?.();const rss=()=>(process.memoryUsage().rss/1e6).toFixed(1);const fds=()=>{try{return fs.readdirSync('/proc/self/fd').length}catch{return 0}};
for(let i=0;i<200;i++)await s.swapFile(d+'/a',{data:Buffer.alloc(100000),durability:'none'});globalThis.gc?.();console.log('rss',rss(),'fds',fds());
for(let k=0;k<4;k++){for(let i=0;i<500;i++)await s.swapFile(d+'/a',{data:Buffer.alloc(100000),durability:'none',prepare(){}, onProgress(){} });globalThis.gc?.();console.log('rss',rss(),'fds',fds())}
for(let i=0;i<500;i++){const c=new AbortController();const p=s.swapFile(d+'/a',{data:Buffer.alloc(2e6),durability:'none',signal:c.signal,prepare(){}});setTimeout(()=>c.abort(),i%7);await p.catch(()=>{})}
globalThis.gc?.();console.log('after 500 aborts rss',rss(),'fds',fds(),ls(d).filter(x=>x[0]=='.'),'threads',fs.readdirSync('/proc/self/task').length);
})()
