const s=require('/tmp/s2/r7/main/dist/swap.js');const d=process.argv[2];
s.swapFile(d+'/a',{source:d+'/s',prepare:process.argv[3]?()=>{}:undefined}).then(r=>console.log('ok'),e=>console.log(e.code,e.step,e.errno,e.committed))
