const {s,fs,dir,ls,tryit}=require('./h.cjs');
(async()=>{const d=dir();fs.writeFileSync(d+'/a','same');fs.writeFileSync(d+'/s','same');
for(const [n,o] of [['data',{data:'same'}],['source',{source:d+'/s'}],['stream',{data:(async function*(){yield 'sa';yield 'me'})()}],['prepare',{data:'x',prepare:p=>fs.writeFileSync(p,'same')}]]){const i=fs.statSync(d+'/a').ino;const r=await s.swapFile(d+'/a',{...o,skipIfSame:true});console.log(n,r.skipped,r.committed,r.durable,i===fs.statSync(d+'/a').ino,ls(d))}
// hard-linked source, skipIfSame
fs.linkSync(d+'/a',d+'/h');await tryit('hardlink source+skipIfSame',s.swapFile(d+'/a',{source:d+'/h',skipIfSame:true}));
// prepare sets xattr/mode with same content
const r=[];await s.swapFile(d+'/a',{data:'z'.repeat(50e6),durability:'none',onProgress:e=>r.push(e)});console.log([...new Set(r.map(x=>x.step))].join(),r.filter(x=>x.step==='write').length,r.at(-1));
// source shrinks/grows while copying, mtime restored
fs.writeFileSync(d+'/big',Buffer.alloc(300e6,1));const st=fs.statSync(d+'/big');
let k=0;await tryit('grow',s.swapFile(d+'/a',{source:d+'/big',durability:'none',onProgress(e){if(e.step==='write'&&e.done>0&&!k++)fs.appendFileSync(d+'/big','x')}}));
k=0;await tryit('shrink',s.swapFile(d+'/a',{source:d+'/big',durability:'none',onProgress(e){if(e.step==='write'&&!k++)fs.truncateSync(d+'/big',1e6)}}));
fs.writeFileSync(d+'/big',Buffer.alloc(300e6,1));k=0;
const fd=fs.openSync(d+'/big','r+');const t0=fs.statSync(d+'/big').mtime;fs.utimesSync(d+'/big',t0,t0);
await tryit('changed, mtime put back',s.swapFile(d+'/a',{source:d+'/big',durability:'none',onProgress(e){if(e.step==='write'&&!k++){fs.writeSync(fd,Buffer.alloc(4,9),0,4,0);fs.writeSync(fd,Buffer.alloc(4,9),0,4,299e6);fs.utimesSync(d+'/big',t0,t0)}}}));
const a=fs.openSync(d+'/a','r'),bb=Buffer.alloc(4);fs.readSync(a,bb,0,4,0);const b2=Buffer.alloc(4);fs.readSync(a,b2,0,4,299e6);console.log('head',bb,'tail',b2);
console.log(ls(d));
})()
