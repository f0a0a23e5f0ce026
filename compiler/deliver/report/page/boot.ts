import { inflate } from './inflate.js';

/** Starts the page, whose code is packed like its data. The content security policy names the hash of both scripts. */
inflate(document.getElementById('code')?.textContent ?? '').then(
  (code) => {
    const script = document.createElement('script');
    script.textContent = new TextDecoder().decode(code);
    document.body.append(script);
  },
  (error: Error) => {
    const told = document.createElement('p');
    told.setAttribute('role', 'alert');
    told.id = 'damaged';
    told.textContent = `This report is damaged: ${error.message}. Make it again with pinn-edge report.`;
    document.getElementById('report')?.replaceChildren(told);
  },
);
