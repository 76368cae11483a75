d=$(mktemp -d /tmp/s2/r7/t/acl-XXXX); cd $d
sw(){ node -e "require('/tmp/s2/r7/t/h.cjs').s.swapFile('$1',{data:'new'${2:+,$2}}).then(r=>0,e=>console.log('ERR',e.message))"; }
echo o>a; setfacl -m u:1000:rwx,g:50:r a; chmod 640 a; setfattr -n user.k -v 1 a; setfattr -n trusted.t -v 2 a; setcap cap_net_raw+ep a 2>/dev/null; chown 1000:50 a; chmod 4750 a; setfacl -m u:1000:rwx a; before=$(getfacl -pn a; getfattr -d -m- a; stat -c '%a %u %g' a); sw a; after=$(getfacl -pn a; getfattr -d -m- a;stat -c '%a %u %g' a); [ "$before" = "$after" ] && echo ACL/xattr/owner kept || { echo "$before"; echo ---; echo "$after"; }
mkdir def; setfacl -d -m u:1001:rwx,m::rwx def; sw def/new; (umask 022; touch def/plain); diff <(getfacl -pn def/new|tail -n+2) <(getfacl -pn def/plain|tail -n+2) && echo default acl new file same as touch
rm -f def/old; touch def/old; setfacl -b def/old; chmod 640 def/old; sw def/old; getfacl -pn def/old | tr '\n' ' '; echo
mkdir sg; chgrp 50 sg; chmod 2775 sg; sw sg/n; stat -c '%a %g' sg/n
(umask 077; sw um; stat -c %a um)
sw b "mode:0o4755"; stat -c %a b
echo x > imb; setfattr -n user.big -v $(head -c 3000 /dev/zero | tr '\0' q) imb; sw imb; getfattr --only-values -n user.big imb | wc -c
