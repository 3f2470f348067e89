namespace Axpo.Silo.Reports;

/// <summary>The style sheet: two colour schemes, one column on a phone. It holds no character that XML would read as markup.</summary>
internal static class PageStyle
{
    public static Markup Sheet { get; } = new("""

        :root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#16202e;--soft:#566275;--line:#dfe4ea;--grid:#e8ecf1;--zero:#aab4c0;
          --c1:#2563eb;--c2:#d9640a;--c3:#0b8f63;--c4:#8b3fd9;--c5:#7a8699;--c6:#b4235f;--c7:#7a6a00;--c8:#0f7c8f;--good:#0b7d55;--bad:#c2341d;--warn:#8a5a00;
          --think:#5b6b84;--call:#d9640a;--observation:#0b8f63;--answer:#2563eb;--goodbg:#e2f5ec;--badbg:#fdebe7;--warnbg:#fbf0d7;
          --mono:ui-monospace,"SF Mono","Cascadia Mono","DejaVu Sans Mono",Menlo,Consolas,monospace}
        @media (prefers-color-scheme:dark){:root{--bg:#0f141b;--card:#171e28;--ink:#e6ebf2;--soft:#9aa7b8;--line:#2a3442;--grid:#232c38;--zero:#4d5a6b;
          --c1:#6ea3ff;--c2:#ff9b4a;--c3:#3ecf9a;--c4:#c08cff;--c5:#8d99aa;--c6:#ff7fae;--c7:#d6c04a;--c8:#58c6da;--good:#4fd6a0;--bad:#ff8a73;--warn:#f0bd5a;
          --think:#8fa0ba;--call:#ff9b4a;--observation:#3ecf9a;--answer:#6ea3ff;--goodbg:#143328;--badbg:#3a1d18;--warnbg:#35290f}}
        *{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%}
        body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif}
        main{max-width:1256px;margin:0 auto;padding:28px clamp(14px,2.4vw,28px) 64px}
        h1,h2,h3,h4,p,dl,dd,ul,figure{margin:0;padding:0}
        h1{font-size:clamp(26px,4vw,36px);line-height:1.15;letter-spacing:-.02em;overflow-wrap:anywhere}
        h2{font-size:21px;line-height:1.25;letter-spacing:-.01em;margin-top:48px}
        h3{font-size:15px;line-height:1.3}
        .about{color:var(--soft);max-width:78ch}
        section .about{margin:4px 0 14px}
        .brand{font-weight:700;letter-spacing:.02em;color:var(--c1);margin-bottom:6px}.brand span{font-weight:400;color:var(--soft)}
        .lead{font-size:18px;line-height:1.45;max-width:70ch;margin:10px 0 18px}
        .facts{display:flex;flex-wrap:wrap;gap:8px 28px;margin-bottom:14px}
        .facts dt{color:var(--soft);font-size:12px}.facts dd{font-weight:600;overflow-wrap:anywhere}
        .note{background:var(--warnbg);color:var(--warn);border-radius:8px;padding:10px 14px;margin-top:16px}
        details{border:1px solid var(--line);border-radius:8px;background:var(--card)}
        summary{cursor:pointer;padding:8px 14px;color:var(--soft)}
        details pre{margin:0;padding:4px 14px 14px;font:12.5px/1.5 var(--mono);overflow-x:auto}
        .tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:14px;margin-top:22px}
        .tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;min-width:0}
        .tile.wide{grid-column:span 2}
        .tile h3{font-size:13px;font-weight:600;color:var(--soft)}
        .tile .value{font-size:25px;line-height:1.3;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
        .tile.wide .value{font-size:31px}
        .tile small{font-size:14px;font-weight:500;color:var(--soft);letter-spacing:0}
        .tile .about{font-size:13px;line-height:1.4;margin:2px 0 0}
        .to{color:var(--soft);font-weight:400}
        .interval{display:block;width:100%;max-width:340px;height:auto;margin:2px 0 4px}
        .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,356px),1fr));gap:14px}
        .chart{display:flex;flex-direction:column;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 14px 8px;min-width:0}
        .chart figcaption p{font-size:13px;line-height:1.4;color:var(--soft);margin-top:2px}
        .legend{display:flex;flex-wrap:wrap;gap:2px 16px;list-style:none;font-size:13px;color:var(--soft);margin:8px 0 4px}
        .legend li{display:flex;align-items:center;gap:6px}.legend b{color:var(--ink);font-weight:600;font-variant-numeric:tabular-nums}
        .key{width:16px;height:4px;border-radius:2px;background:currentColor;flex:none}.key.dashed{background:repeating-linear-gradient(90deg,currentColor 0 4px,transparent 4px 6px)}.dot{width:10px;height:10px;border-radius:50%;background:currentColor;flex:none}
        .c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}.c4{color:var(--c4)}.c5{color:var(--c5)}.c6{color:var(--c6)}.c7{color:var(--c7)}.c8{color:var(--c8)}
        .chart svg{display:block;width:100%;height:auto;margin-top:auto;overflow:visible}
        svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",Arial,sans-serif;fill:var(--soft);font-variant-numeric:tabular-nums}
        .grid{stroke:var(--grid);stroke-width:1;fill:none}.grid.zero,.grid.mark{stroke:var(--zero)}
        .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
        .line.dashed{stroke-dasharray:4 4;stroke-linecap:butt}.line.faint{stroke-width:1;opacity:.38}circle.bold,circle.faint,.bar{fill:currentColor}circle.faint{opacity:.5}
        .band{fill:currentColor;opacity:.14}
        .spot{fill:currentColor;stroke:var(--card);stroke-width:1.5}
        .hit rect{fill:transparent}.hit path{stroke:var(--soft);stroke-width:1;visibility:hidden}
        .hit text{visibility:hidden;stroke:var(--card);stroke-width:4;paint-order:stroke}.hit tspan{fill:currentColor;font-weight:600}
        .hit:hover path,.hit:hover text{visibility:visible}
        .scroll{overflow-x:auto}
        table{border-collapse:collapse;background:var(--card);border:1px solid var(--line);border-radius:10px;font-size:14px}
        th,td{text-align:left;padding:7px 12px;border-top:1px solid var(--grid);vertical-align:top}
        thead th{border-top:0;color:var(--soft);font-size:13px;font-weight:600}
        .figures td,.figures thead th + th{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.figures tbody th{font-weight:400;white-space:nowrap}
        .groups,.drops{width:100%}.groups td{overflow-wrap:anywhere}.groups td:first-child{font-variant-numeric:tabular-nums;color:var(--soft)}
        .row{display:inline-flex;flex-wrap:wrap;gap:4px;align-items:center;vertical-align:middle}td .row + .row{margin-left:12px}
        .m{display:inline-block;width:13px;height:13px;border:2px solid;flex:none}.m.tool{border-radius:3px}.m.plain{border-radius:50%}
        .m.correct{color:var(--good);background:currentColor}.m.wrong{color:var(--bad)}.m.void{color:var(--soft);border-style:dashed}
        .chip{display:inline-block;border-radius:99px;padding:0 9px;font-size:12.5px;line-height:20px;font-weight:600;white-space:nowrap}
        .chip.good{background:var(--goodbg);color:var(--good)}.chip.bad{background:var(--badbg);color:var(--bad)}.chip.warn{background:var(--warnbg);color:var(--warn)}
        .k-think{color:var(--think)}.k-call{color:var(--call)}.k-observation{color:var(--observation)}.k-answer{color:var(--answer)}.k-inherited{color:var(--soft);opacity:.45}
        .sample{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px;margin-top:16px}
        .sample header h3{font-size:17px;overflow-wrap:anywhere;white-space:pre-line}
        .sample header p{display:flex;flex-wrap:wrap;gap:6px 12px;align-items:center;margin:4px 0 12px;font-size:13.5px}
        .truth{font-weight:600;overflow-wrap:anywhere}.where{color:var(--soft)}
        .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,216px),1fr));gap:10px;align-items:start}
        .card{border:1px solid var(--line);border-radius:8px;padding:10px;min-width:0;background:var(--bg)}
        .card.source{border-color:var(--zero);background:var(--card);box-shadow:inset 0 3px 0 var(--zero)}
        .card h4{display:flex;justify-content:space-between;gap:8px;font-size:13px;line-height:20px}
        .reward,.end{font-size:12.5px;color:var(--soft);font-variant-numeric:tabular-nums}.reward{margin-bottom:8px}.end{margin-top:8px}
        .piece{border-left:3px solid currentColor;padding:1px 0 1px 8px;margin-top:6px}
        .piece b{display:block;font-size:11.5px;line-height:15px;font-weight:600}
        .piece pre,.frame{margin:0;font:12.5px/1.45 var(--mono);white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate}.piece pre{color:var(--ink)}
        .frame{color:var(--soft);font-size:11px;margin-top:4px;padding-left:11px}
        .pictures{position:absolute}.shots{display:flex;flex-wrap:wrap;gap:6px 12px;margin-top:4px}.sample header .shots{margin-bottom:12px}
        .shot{min-width:0;max-width:100%;font-size:12px;line-height:16px}.shot svg{display:block;max-width:100%;height:auto;overflow:visible;border:1px solid var(--line)}.shot .pixels{image-rendering:pixelated}.shot,.shot small{color:var(--soft);font-size:12px}
        .shot rect{fill:none;vector-effect:non-scaling-stroke}.shot .under{stroke:#16202e;stroke-width:4}.shot .over{stroke:#ffd33d;stroke-width:2}
        .inherited,.masked{opacity:.5}.masked pre{text-decoration:none}
        .cut{font-size:12px;line-height:16px;color:var(--call);border-top:1.5px dashed var(--call);margin-top:8px;padding-top:3px}
        @media (max-width:980px){.tiles{grid-template-columns:repeat(2,1fr)}}
        @media (max-width:640px){
          .tiles{grid-template-columns:1fr}.tile.wide{grid-column:auto}
          .groups thead{display:none}.groups,.groups tbody,.groups tr,.groups td{display:block}
          .groups tr{padding:10px 12px;border-top:1px solid var(--line)}.groups tr:first-child{border-top:0}
          .groups td{border:0;padding:2px 0;display:grid;grid-template-columns:104px 1fr;gap:8px}.groups td:empty{display:none}.groups .row,.groups .chip{justify-self:start}
          .groups td::before{content:attr(data-label);color:var(--soft);font-size:13px}td .row + .row{margin:4px 0 0;grid-column:2}
          .sample{padding:12px}.figures th,.figures td{padding:6px 7px;font-size:13px}
        }
        @media print{body{background:#fff}.chart,.card,.tile,tr{break-inside:avoid}}

        """);
}
