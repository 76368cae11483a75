const {s,fs,dir,ls}=require('./h.cjs');
(async()=>{const d=dir();const N=+process.argv[2]||64;let ok=0,prep=0;
const all=[];for(let i=0;i<N;i++)all.push(s.swapFile(d+'/f'+i,{data:'x',prepare:async p=>{prep++;await s.fsyncFile(p)}}).then(()=>ok++));
const r=await Promise.race([Promise.all(all).then(()=>'done'),new Promise(r=>setTimeout(r,8000,'DEADLOCK'))]);
console.log(N,r,'prepares called',prep,'ok',ok);process.exit(0)})()
