const find=document.getElementById("find"),count=document.getElementById("count"),spans=[...document.querySelectorAll("details")];
find.closest("p").hidden=false;
find.addEventListener("input",()=>{const word=find.value.trim().toLowerCase();let hits=0;
for(const span of spans){const hit=!word||span.textContent.toLowerCase().includes(word);span.hidden=!hit;hits+=hit;}
count.textContent=word?`${hits} of ${spans.length} spans`:"";});
