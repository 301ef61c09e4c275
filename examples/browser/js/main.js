// The page: a picture comes in, is shown before and after, and can be kept.

const $ = (id) => document.getElementById(id);

// A worker begun from a blob is bound by this page's content security policy; one begun from a
// file would have none of its own.
const code = `import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`;
const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })), { type: "module" });
const asked = new Map();
let last = 0, busy = false, name = "picture", urls = [];

worker.onmessage = ({ data: { id, share, done, failed } }) => {
  const { resolve, reject, told } = asked.get(id);
  if (share !== undefined) return told?.(share);
  asked.delete(id);
  return failed === undefined ? resolve(done) : reject(new Error(failed));
};
worker.onerror = () => {
  for (const { reject } of asked.values()) reject(new Error("This browser cannot run the network. A newer one can."));
  asked.clear();
};

function ask(act, given = {}, told = undefined) {
  return new Promise((resolve, reject) => {
    asked.set(++last, { resolve, reject, told });
    worker.postMessage({ id: last, act, ...given });
  });
}

function say(text, wrong = false) {
  $("say").textContent = text;
  $("say").classList.toggle("wrong", wrong);
}

function kept(blob) {
  urls.push(URL.createObjectURL(blob));
  return urls.at(-1);
}

async function add(file) {
  if (!file || busy) return;
  busy = true;
  document.body.classList.add("busy");
  document.body.classList.remove("done");
  urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
  name = (file.name || "picture").replace(/\.[^.]*$/, "");
  $("before").src = kept(file);
  $("after").removeAttribute("src");
  say("Looking at the picture …");
  try {
    const { width, height, shown } = await ask("colour", { file, name: file.name || "picture" }, (share) => {
      say(share < 1 ? `Fetching the network, once: ${Math.round(100 * share)} %` : "Finding colours …");
    });
    $("after").src = kept(shown);
    await $("after").decode();
    $("stage").style.setProperty("--ratio", width / height);
    document.body.classList.add("filled", "done");
    compare(50);
    say("Drag the line to compare.");
  } catch (error) {
    document.body.classList.remove("filled");
    say(error.message, true);
  } finally {
    busy = false;
    document.body.classList.remove("busy");
    $("files").value = "";
  }
}

async function keep(type, ending) {
  try {
    const link = document.createElement("a");
    link.href = kept(await ask("save", { type }));
    link.download = `${name}.colorized.${ending}`;
    link.click();
  } catch (error) {
    say(error.message, true);
  }
}

function compare(share) {
  $("compare").value = share;
  $("stage").style.setProperty("--cut", `${share}%`);
}

$("choose").onclick = $("another").onclick = () => $("files").click();
$("files").onchange = ({ target }) => add(target.files[0]);
$("example").onclick = async () => {
  if (!busy) add(new File([await (await fetch("example.jpg")).blob()], "saratoga-broadway.jpg"));
};
$("png").onclick = () => keep("image/png", "png");
$("jpeg").onclick = () => keep("image/jpeg", "jpg");
$("compare").oninput = ({ target }) => compare(target.value);
addEventListener("paste", ({ clipboardData }) => add([...clipboardData.files].find((one) => one.type.startsWith("image/"))));
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || document.body.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  add(event.dataTransfer.files[0]);
});
document.body.classList.add("begun");
