const {s,fs,dir,ls,tryit,path}=require('./h.cjs');const cp=require('child_process');
(async()=>{let d=dir();const T=(n,t,o={data:'n'})=>tryit(n,s.swapFile(t,o));
fs.writeFileSync(d+'/a','old');fs.linkSync(d+'/a',d+'/hl');cp.execSync(`mkfifo ${d}/fifo`);fs.symlinkSync('loop',d+'/loop');fs.symlinkSync('nowhere/x',d+'/dang');fs.symlinkSync('made',d+'/dang2');
await T('src hardlink',d+'/a',{source:d+'/hl'});await T('src self ..',d+'/a',{source:d+'/../'+path.basename(d)+'/a'});
await T('fifo src',d+'/a',{source:d+'/fifo'});await T('zero',d+'/a',{source:'/dev/zero'});await T('dir src',d+'/a',{source:d});await T('missing',d+'/a',{source:d+'/no'});
await T('proc cmdline',d+'/p',{source:'/proc/self/cmdline'});await T('proc maps',d+'/p',{source:'/proc/self/maps'});await T('proc mem',d+'/p',{source:'/proc/self/mem'});await T('proc kmsg',d+'/p',{source:'/proc/kmsg'});await T('sysfs',d+'/p',{source:'/sys/kernel/mm/transparent_hugepage/enabled'});
await T('loop',d+'/loop');await T('dang',d+'/dang');await T('dang2',d+'/dang2');await T('fifo target',d+'/fifo');await T('dir target',d);await T('root','/');await T('dir/.',d+'/.');await T('a/.',d+'/a/.');await T('new/',d+'/newslash/');await T('a/',d+'/a/');await T('..',d+'/..');
const n255='n'.repeat(251)+'.txt';await T('255',d+'/'+n255);await T('256',d+'/'+'n'.repeat(256));await T('dev/null','/dev/null');await T('proc target','/proc/self/comm');await T('proc new','/proc/nofile');await T('sys','/sys/x');
console.log(ls(d).map(x=>x.slice(0,30)));
const nb=Buffer.concat([Buffer.from(d+'/'),Buffer.from([0xff,0xfe])]);fs.mkdirSync(nb);console.log(cp.spawnSync('bash',['-c',`cd ${d}/$'\\xff\\xfe' && node -e "const {s}=require('/tmp/s2/r7/t/h.cjs');(async()=>{console.log(await s.swapFile('f',{data:'n'}));try{await s.swapFile('f',{data:'x',prepare(){}})}catch(e){console.log(e.code,e.message)}console.log(require('fs').readdirSync('.'))})()"`]).stdout.toString());
process.chdir('/tmp');fs.symlinkSync(Buffer.concat([nb,Buffer.from('/g')]),d+'/tonon');await T('symlink to nonutf8',d+'/tonon');
const gone=d+'/gone';fs.mkdirSync(gone);process.chdir(gone);fs.rmdirSync(gone);await T('deleted cwd','rel');process.chdir('/tmp');
// bind mount file
fs.writeFileSync(d+'/m','1');fs.writeFileSync(d+'/m2','2');try{cp.execSync(`mount --bind ${d}/m2 ${d}/m`);await T('mount point file',d+'/m');cp.execSync(`umount ${d}/m`)}catch(e){console.log('no mount',e.message)}
// tmpfs target
fs.mkdirSync('/dev/shm/r7',{recursive:true});await T('shm',"/dev/shm/r7/a",{source:d+'/a'});console.log(ls('/dev/shm/r7'));
// weird: lock file is something else
fs.mkdirSync(d+'/.swap-lock-q');await T('lock is dir',d+'/q');fs.symlinkSync('/etc/x',d+'/.swap-lock-r');await T('lock is symlink',d+'/r');
// immutable
fs.writeFileSync(d+'/imm','x');try{cp.execSync(`chattr +i ${d}/imm`);await T('immutable',d+'/imm');cp.execSync(`chattr -i ${d}/imm`)}catch(e){console.log('chattr',e.message)}
console.log(ls(d).map(x=>x.slice(0,30)));
for(const o of [undefined,null,{},{data:'a',source:'b'},{data:5},{data:null},{data:'a',mode:-1},{data:'a',mode:0o10000},{data:'a',retryMs:NaN},{data:'a',retryMs:Infinity},{data:'a',retryMs:1e300},{data:'a',signal:{}},{data:'a',prepare:5},{data:'a',durability:'x'}])await T('opts '+JSON.stringify(o),d+'/o',o);
await T('nul',d+'/\0');await T('empty','');await T('url',new URL('file:///tmp/x'));await T('lone surrogate',d+'/\ud800x');
console.log(ls(d).map(x=>x.slice(0,30)));
})()
