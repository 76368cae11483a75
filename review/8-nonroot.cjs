const {s,fs,tryit,ls}=require('./h.cjs');const d=process.argv[2];
(async()=>{const T=(n,t,o={data:'n'})=>tryit(n,s.swapFile(t,o));
await T('read-only folder',d+'/ro/a');await T('-wx folder',d+'/wx/a');await T('-wx folder none',d+'/wx/a',{data:'n',durability:'none'});await T('other owner, my folder',d+'/mine/rootfile');await T('own, unreadable',d+'/mine/mode0');console.log((fs.statSync(d+'/mine/mode0').mode&0o7777).toString(8));
await T('own, unreadable, skipIfSame',d+'/mine/mode0',{data:'q',skipIfSame:true});await T('unreadable source',d+'/mine/new',{source:d+'/secret'});
await T('prepare mode0',d+'/mine/x',{data:'n',prepare:p=>fs.chmodSync(p,0)});await T('prepare removes w',d+'/mine/x2',{data:'n',prepare:p=>fs.chmodSync(p,0o444)});
await T('root stale lock 0600',d+'/mine/stale');await T('root stale staging in sticky',d+'/sticky/b');await T('sticky root lock',d+'/sticky/c');await T('no x parent',d+'/nox/a');
await T('group not mine',d+'/mine/gfile');
for(const x of ['mine','sticky'])console.log(x,ls(d+'/'+x));
})()
