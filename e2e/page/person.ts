// Somebody at a browser: what a person does with the page, by the names that assistive technology reads.
import { expect, type BrowserContext, type Locator, type Page } from '@playwright/test';
import { PASSWORD } from '../harness/fixtures';

/** A picture to send. */
export interface PictureFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export class Person {
  /** What the browser's console said that it should not have. */
  readonly complaints: string[] = [];

  /** Opens the page in a new tab of the context. */
  static async open(context: BrowserContext, address: URL): Promise<Person> {
    const person = new Person(await context.newPage());
    await person.page.goto(address.href);
    return person;
  }

  private constructor(readonly page: Page) {
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
  }

  get chats(): Locator {
    return this.page.getByRole('navigation', { name: 'Chats' });
  }

  get composer(): Locator {
    return this.page.getByRole('textbox', { name: 'Message', exact: true });
  }

  /** The messages of a private chat. */
  log(name: string): Locator {
    return this.page.getByRole('log', { name: `Messages with ${name}` });
  }

  /** The messages of a room. */
  roomLog(name: string): Locator {
    return this.page.getByRole('log', { name: `Messages in ${name}` });
  }

  /** A chat, contact or room in the list; its name goes on with presence and unread. */
  entry(name: string): Locator {
    const named = { name: new RegExp(`^${name}\\b`) };
    return this.chats.getByRole('button', named).or(this.chats.getByRole('link', named));
  }

  /** The messages of the open chat that hold this text, whoever wrote them. */
  message(text: string): Locator {
    return this.page.getByRole('log').getByRole('article').filter({ hasText: text });
  }

  /** The banner that says that the connection is not there. */
  get banner(): Locator {
    return this.page.getByRole('status').filter({ hasText: /^\s*(Connecting|Connection lost)/ });
  }

  async register(username: string, password = PASSWORD): Promise<void> {
    await this.page.getByRole('tab', { name: 'Register' }).click();
    await this.page.getByLabel('Username', { exact: true }).fill(username);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.page.getByRole('button', { name: 'Create account' }).click();
    await this.isLoggedIn();
  }

  /** Fills the log-in in and sends it, without waiting for what comes of it. */
  async tryToLogIn(username: string, password: string): Promise<void> {
    await this.page.getByRole('tab', { name: 'Log in' }).click();
    await this.page.getByLabel('Username', { exact: true }).fill(username);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.page.getByRole('button', { name: 'Log in', exact: true }).click();
  }

  async isLoggedIn(): Promise<void> {
    await expect(this.page.getByRole('button', { name: 'Log out' })).toBeVisible();
  }

  async addContact(username: string): Promise<void> {
    await this.askFor(username);
    await expect(this.page.getByRole('dialog', { name: 'Add contact' })).toBeHidden();
  }

  /** Asks for a contact, without waiting for what comes of it. */
  async askFor(username: string): Promise<void> {
    await this.chats.getByRole('button', { name: 'Add contact' }).click();
    const dialog = this.page.getByRole('dialog', { name: 'Add contact' });
    await dialog.getByRole('textbox', { name: 'Username' }).fill(username);
    await dialog.getByRole('button', { name: 'Send request' }).click();
  }

  async accept(username: string): Promise<void> {
    const requests = this.page.getByRole('region', { name: 'Contact requests' });
    await requests.getByRole('button', { name: `Accept ${username}` }).click();
    await expect(this.entry(username)).toBeVisible();
  }

  async openChat(name: string): Promise<void> {
    await this.entry(name).click();
    await this.isInChat(name);
  }

  async isInChat(name: string): Promise<void> {
    await expect(this.page.getByRole('heading', { level: 2, name, exact: true })).toBeVisible();
  }

  async joinRoom(name: string): Promise<void> {
    await this.chats.getByRole('button', { name: 'Rooms' }).click();
    const dialog = this.page.getByRole('dialog', { name: 'Rooms' });
    await dialog.getByRole('button', { name: `Join ${name}`, exact: true }).click();
    await expect(this.roomLog(name)).toBeVisible();
  }

  /** Types into the open chat and sends with Enter. */
  async say(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  /** Says something and waits until the server has it. */
  async saySafely(text: string): Promise<void> {
    await this.say(text);
    await expect(this.message(text).locator('.state')).toHaveText(/Sent|Delivered|Read/);
  }

  /** Picks a picture, or several, as the button does it. */
  async pickPicture(...files: PictureFile[]): Promise<void> {
    const chooser = this.page.waitForEvent('filechooser');
    await this.page.getByRole('button', { name: 'Send a picture' }).click();
    await (await chooser).setFiles(files);
  }

  /**
   * Gives files, and a text with them, to an element (the composer or the log unless given): as a paste from the clipboard, or
   * by these steps of dragging. Whether the page takes what it was given: the browser would do with it what it always does.
   */
  async give(how: 'paste' | readonly string[], files: readonly PictureFile[], target?: Locator, text = ''): Promise<boolean> {
    return await (target ?? (how === 'paste' ? this.composer : this.page.getByRole('log'))).evaluate(
      (element, { how, files, text }) => {
        const data = new DataTransfer();
        for (const { name, mimeType, base64 } of files) {
          const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
          data.items.add(new File([bytes], name, { type: mimeType }));
        }
        if (text !== '') data.setData('text/plain', text);
        const options = { bubbles: true, cancelable: true };
        const steps =
          how === 'paste'
            ? [new ClipboardEvent('paste', { ...options, clipboardData: data })]
            : how.map((type) => new DragEvent(type, { ...options, dataTransfer: data }));
        return steps.map((step) => !element.dispatchEvent(step)).every((taken) => taken);
      },
      { how, text, files: files.map(({ name, mimeType, buffer }) => ({ name, mimeType, base64: buffer.toString('base64') })) },
    );
  }
}

/** Makes two people contacts, through the page. */
export async function befriendThroughPage(one: Person, oneName: string, other: Person, otherName: string): Promise<void> {
  await one.addContact(otherName);
  await other.accept(oneName);
  await expect(one.entry(otherName)).toHaveAccessibleName(/available/i);
}
