const {s,dir}=require('./h.cjs');const net=require('net');
net.createServer(c=>c.write('x')).listen(0,'127.0.0.1',async function(){const c=net.connect(this.address().port,'127.0.0.1');const a=new AbortController();setTimeout(()=>a.abort(),100);
await s.swapFile(dir()+'/a',{data:c,signal:a.signal}).catch(e=>console.log(e.name));await new Promise(r=>setTimeout(r,200));console.log('socket destroyed',c.destroyed);process.exit()});
