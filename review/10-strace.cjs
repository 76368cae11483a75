const {s,fs,dir,ls}=require('./h.cjs');(async()=>{const d=process.argv[2];fs.mkdirSync(d);fs.writeFileSync(d+'/a','old');
for(const durability of ['full','barrier','none']){fs.writeFileSync(d+'/MARK-'+durability,'');await s.swapFile(d+'/a',{data:'new'+durability,durability,prepare:p=>{fs.writeFileSync(p+'.t','signed');fs.renameSync(p+'.t',p)}})}
fs.writeFileSync(d+'/MARK-skip','');console.log(await s.swapFile(d+'/a',{data:'signed',skipIfSame:true}));
fs.writeFileSync(d+'/MARK-skipnone','');console.log(await s.swapFile(d+'/a',{data:'signed',skipIfSame:true,durability:'none'}));
fs.writeFileSync(d+'/s','src');fs.writeFileSync(d+'/MARK-src','');await s.swapFile(d+'/a',{source:d+'/s'});
fs.writeFileSync(d+'/MARK-ren','');fs.mkdirSync(d+'/q');await s.renameDurably(d+'/s',d+'/q/s');
})()
