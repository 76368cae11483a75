const {s,fs,dir,ls}=require('./h.cjs');const cp=require('child_process');
const run=(name,code,rt='node')=>{const d=dir();fs.writeFileSync(d+'/a','old');const t=Date.now();const r=cp.spawnSync(rt,['-e',`const {s,fs}=require('/tmp/s2/r7/t/h.cjs');const d=${JSON.stringify(d)};${code}`],{timeout:15000});
console.log(name,'| exit',r.status,r.signal,Date.now()-t,'ms |',ls(d).join(' '),'|',fs.existsSync(d+'/a')&&fs.readFileSync(d+'/a','utf8').slice(0,20),'|',(r.stderr+'').split('\n').find(x=>/Error|panic/.test(x))||'',(r.stdout+'').trim().slice(0,100))};
for(const rt of ['node','/tmp/s2/r7/main/node_modules/@oven/bun-linux-x64/bin/bun']){console.log('==',rt);
run('exit in prepare',"s.swapFile(d+'/a',{data:'n',prepare:()=>process.exit(3)})",rt);
run('exit while stream',"s.swapFile(d+'/a',{data:(async function*(){for(;;){yield 'x'.repeat(1e5);}})()});setTimeout(()=>process.exit(3),100)",rt);
run('exit with 100 queued',"for(let i=0;i<100;i++)s.swapFile(d+'/a',{data:'n'+i,prepare:()=>new Promise(()=>{})}).catch(()=>{});setTimeout(()=>process.exit(3),100)",rt);
run('uncaught in prepare turn',"s.swapFile(d+'/a',{data:'n',prepare:()=>{setTimeout(()=>{throw new Error('boom')});return new Promise(()=>{})}})",rt);
run('onProgress throws',"s.swapFile(d+'/a',{data:'n',onProgress(){throw new Error('boom')}})",rt);
run('onProgress throws, handled',"process.on('uncaughtException',()=>{});s.swapFile(d+'/a',{data:'n',onProgress(){throw new Error('boom')}}).then(r=>console.log(r.committed))",rt);
run('SIGTERM default',"s.swapFile(d+'/a',{data:'n',prepare:()=>{process.kill(process.pid,'SIGTERM');return new Promise(()=>{})}})",rt);
run('swap in exit handler',"process.on('exit',()=>{s.swapFile(d+'/a',{data:'n'})});s.swapFile(d+'/b',{data:'x'})",rt);
run('exit via process.reallyExit/abort-free: prepare never + idle',"const c=new AbortController();s.swapFile(d+'/a',{data:'n',signal:c.signal,prepare:()=>new Promise(()=>{})}).catch(()=>console.log('rejected'));setTimeout(()=>c.abort(),200)",rt);
run('worker terminate in prepare',"const {Worker}=require('worker_threads');const w=new Worker(`const {s}=require('/tmp/s2/r7/t/h.cjs');s.swapFile('${d=>d}'.slice(0,0)+require('worker_threads').workerData+'/a',{data:'n',prepare:()=>{require('worker_threads').parentPort.postMessage(1);return new Promise(()=>{})}})`,{eval:true,workerData:d});w.on('message',async()=>{await w.terminate();console.log(fs.readdirSync(d).join());await s.swapFile(d+'/a',{data:'after'});console.log('ok')})",rt);
run('worker exits itself in stream',"const {Worker}=require('worker_threads');const w=new Worker(`const {s}=require('/tmp/s2/r7/t/h.cjs');s.swapFile(require('worker_threads').workerData+'/a',{data:(async function*(){for(;;)yield 'x'.repeat(1e6)})()});setTimeout(()=>process.exit(),100)`,{eval:true,workerData:d});w.on('exit',async()=>{console.log(fs.readdirSync(d).join());await s.swapFile(d+'/a',{data:'after'});console.log('ok')})",rt);
}
