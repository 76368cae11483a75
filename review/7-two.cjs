// many processes, several spellings, random kill -9 and terminate; a "holder" check through prepare.
const {s,fs,path}=require('./h.cjs');const {Worker,isMainThread,workerData}=require('worker_threads');
const d=process.argv[2]||workerData.d, me=process.pid+'-'+(isMainThread?'m':'w');
const sp=[d+'/a',d+'/link',d+'/sub/../a',d+'/sub/up/a',d+'/./a'];
const rnd=n=>Math.floor(Math.random()*n);
(async()=>{const end=Date.now()+ +(process.argv[3]||workerData.t);
 const one=async()=>{while(Date.now()<end){const c=new AbortController();let tm;if(rnd(4)===0)tm=setTimeout(()=>c.abort(),rnd(15));
  try{await s.swapFile(sp[rnd(sp.length)],{data:String(Math.random()).repeat(300),durability:'none',signal:c.signal,prepare:async p=>{clearTimeout(tm);if(c.signal.aborted)return;const h=d+'/holder';
   try{fs.writeFileSync(h,me,{flag:'wx'})}catch(e){ if(e.code==='EEXIST'){let o='';try{o=fs.readFileSync(h,'utf8')}catch{};let alive=true;try{process.kill(+o.split('-')[0],0)}catch{alive=false}; if(o&&alive&&!fs.existsSync(d+'/killed-'+o.split('-')[0]))fs.appendFileSync(d+'/VIOLATION',me+' saw '+o+'\n');fs.rmSync(h,{force:true});fs.writeFileSync(h,me)}}
   await new Promise(r=>setTimeout(r,rnd(4)));fs.rmSync(h,{force:true})}})}catch(e){if(e.name!=='AbortError'&&e.code!=='ENVIRONMENT_CLOSING')fs.appendFileSync(d+'/ERR',e.message+'\n')}
  fs.appendFileSync(d+'/COUNT','x');}};
 await Promise.all([one(),one(),one()]);
})();
