const {s,fs,dir,ls,tryit,path}=require('./h.cjs');const cp=require('child_process');
(async()=>{let d;
const run=async(name,prepare,o={})=>{d=dir();fs.writeFileSync(d+'/a','old');fs.writeFileSync(d+'/other','other');await tryit(name,s.swapFile(d+'/a',{data:'new',prepare,...o}));
 console.log('   ',ls(d).join(' '),'| a=',JSON.stringify(fs.statSync(d+'/a').isFile()&&fs.readFileSync(d+'/a','utf8')),fs.statSync(d+'/a').mode.toString(8),'nlink',fs.statSync(d+'/a').nlink)};
await run('hardlink of target',p=>{fs.unlinkSync(p);fs.linkSync(path.join(path.dirname(p),'a'),p)});
await run('  next swap',()=>{});
await run('hardlink of other',p=>{fs.unlinkSync(p);fs.linkSync(path.join(path.dirname(p),'other'),p)});
await run('directory',p=>{fs.unlinkSync(p);fs.mkdirSync(p)});
await tryit('  next swap after directory',s.swapFile(d+'/a',{data:'n2'}));console.log('   ',ls(d));
await run('directory full',p=>{fs.unlinkSync(p);fs.mkdirSync(p);fs.writeFileSync(p+'/x','')});
await run('symlink',p=>{fs.unlinkSync(p);fs.symlinkSync('other',p)});
await run('fifo',p=>{fs.unlinkSync(p);cp.execSync(`mkfifo '${p}'`)});
await run('mode 0',p=>fs.chmodSync(p,0));
await run('mode 755',p=>fs.chmodSync(p,0o755));
await run('removed',p=>fs.unlinkSync(p));
await run('truncated',p=>fs.truncateSync(p,0));
await run('throws',p=>{throw 1});
await run('throws undefined',p=>{throw undefined});
await run('rejects null',p=>Promise.reject(null));
await run('removes target',p=>fs.unlinkSync(path.join(path.dirname(p),'a')));
await run('target to symlink',p=>{const a=path.join(path.dirname(p),'a');fs.unlinkSync(a);fs.symlinkSync('other',a)});
await run('removes lock',p=>fs.unlinkSync(path.join(path.dirname(p),'.swap-lock-a')));
d=dir();await tryit('new file, prepare chmod +x',s.swapFile(d+'/tool',{data:'#!/bin/sh',prepare:p=>fs.chmodSync(p,0o755)}));console.log('   mode',fs.statSync(d+'/tool').mode.toString(8));
// abort in onProgress at prepare
d=dir();fs.writeFileSync(d+'/a','old');let c=new AbortController(),called=0;
await tryit('abort at progress prepare',s.swapFile(d+'/a',{data:'n',signal:c.signal,onProgress:e=>{if(e.step==='prepare'){c.abort();const t=Date.now();while(Date.now()-t<50);}},prepare:p=>{called++;console.log('   prepare called after abort, staging exists:',fs.existsSync(p));fs.writeFileSync(p,'tool wrote')}}));
await new Promise(r=>setTimeout(r,50));console.log('   prepare called',called,ls(d));
// abort while prepare awaits
d=dir();fs.writeFileSync(d+'/a','old');c=new AbortController();
await tryit('abort in prepare',s.swapFile(d+'/a',{data:'n',signal:c.signal,prepare:p=>{c.abort();return new Promise(()=>{})}}));console.log('   ',ls(d));
// stream stalled, aborted
const {Readable}=require('stream');d=dir();c=new AbortController();const st=new Readable({read(){}});st.push('abc');
setTimeout(()=>c.abort(new Error('mine')),50);
await tryit('stalled stream aborted',s.swapFile(d+'/a',{data:st,signal:c.signal}));await new Promise(r=>setTimeout(r,50));console.log('   destroyed:',st.destroyed,ls(d));
for(const [nm,data] of [['err stream',(async function*(){yield 'a';throw new Error('x')})()],['empty chunks',(async function*(){yield '';yield 'a';yield Buffer.alloc(0);yield Buffer.alloc(5e6)})()],['bad chunk',(async function*(){yield 5})()],['webstream',new Blob(['hello']).stream()],['empty string',''],['DataView',new DataView(new ArrayBuffer(3))],['sync next throws',{[Symbol.asyncIterator](){throw new Error('it')}}],['next not fn',{[Symbol.asyncIterator](){return {}}}]]) {d=dir();await tryit(nm,s.swapFile(d+'/a',{data}));console.log('   ',ls(d),fs.existsSync(d+'/a')&&fs.statSync(d+'/a').size)}
})()
